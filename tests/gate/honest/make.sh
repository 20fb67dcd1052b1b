#!/usr/bin/env bash
# Makes the files of this folder anew, with the slicers of Debian 12, in a folder of its own:
#   apt install prusa-slicer slic3r cura-engine; apt download cura && dpkg -x cura_*.deb cura
#   CURA=cura/usr/share/cura/resources tests/gate/honest/make.sh
set -u
here=$(dirname "$(realpath "$0")")
: "${CURA:?where the definitions of Cura are}"
mkdir -p out
python3 "$here/bodies.py"
START=$'G21\nG90\nM83\nM140 S[first_layer_bed_temperature]\nM104 S[first_layer_temperature]\nG28\nM190 S[first_layer_bed_temperature]\nM109 S[first_layer_temperature]\nG92 E0'
END=$'M104 S0\nM140 S0\nM107\nG91\nG1 Z5 F600\nG90\nG1 X0 Y200 F3600\nM84'
P="--gcode-flavor marlin2 --bed-shape 0x0,250x0,250x210,0x210 --max-print-height 210 --filament-density 1.24 --filament-diameter 1.75 --layer-height 0.2 --first-layer-height 0.2 --fill-density 15% --retract-length 0.8 --center 125,105"
PLA="--temperature 210 --first-layer-temperature 215 --bed-temperature 60 --first-layer-bed-temperature 60 --filament-type PLA"
PETG="--temperature 240 --first-layer-temperature 235 --bed-temperature 85 --first-layer-bed-temperature 85 --filament-type PETG"
# An option that is given twice has two values, one for each tool.
ps() { n=$1; m=$2; f=$3; shift 3; prusa-slicer --export-gcode $P $f --nozzle-diameter 0.4 --use-relative-e-distances --layer-gcode 'G92 E0' --start-gcode "$START" --end-gcode "$END" "$@" -o out/prusa-$n.gcode $m >/dev/null || echo BAD $n; }
ps plain box.stl "$PLA"
ps fine-vase cone.stl "$PLA" --spiral-vase --perimeters 1 --top-solid-layers 0 --fill-density 0 --layer-height 0.12
ps brim-supports mushroom.stl "$PLA" --brim-width 4 --support-material
ps raft box.stl "$PLA" --raft-layers 2
ps petg vase.stl "$PETG" --layer-height 0.3
ps labels-progress vase.stl "$PLA" --gcode-label-objects --remaining-times
START2=${START/M83/M82}
prusa-slicer --export-gcode $P $PLA --nozzle-diameter 0.4 --start-gcode "$START2" --end-gcode "$END" -o out/prusa-absolute.gcode mushroom.stl --support-material >/dev/null || echo BAD abs
prusa-slicer --export-gcode $P $PLA --nozzle-diameter 0.6 --layer-height 0.3 --use-relative-e-distances --layer-gcode 'G92 E0' --start-gcode "$START" --end-gcode "$END" -o out/prusa-nozzle-06.gcode vase.stl >/dev/null || echo BAD 06
S="--gcode-flavor reprap --bed-shape 0x0,250x0,250x210,0x210 --temperature 205 --first-layer-temperature 210 --bed-temperature 60 --first-layer-bed-temperature 60 --filament-diameter 1.75 --nozzle-diameter 0.4 --layer-height 0.2 --first-layer-height 0.2 --fill-density 15% --print-center 125,105"
sl() { n=$1; m=$2; s=$3; shift 3; slic3r $S --start-gcode "$s" --end-gcode "$END" "$@" -o out/slic3r-$n.gcode $m >/dev/null || echo BAD $n; }
sl plain box.stl "$START2"
sl relative cone.stl "$START" --use-relative-e-distances
sl supports mushroom.stl "$START2" --support-material --brim-width 3
sl raft box.stl "$START2" --raft-layers 2
sl thick vase.stl "$START2" --layer-height 0.3
sl verbose cone.stl "$START2" --gcode-comments --layer-height 0.3
export CURA_ENGINE_SEARCH_PATH=$CURA/definitions:$CURA/extruders
CS='G21\nG90\nM82\nM140 S60\nM104 S200\nG28\nM190 S60\nM109 S200\nG92 E0\nG1 Z2.0 F3000'
CE='G91\nG1 E-2 F2700\nG1 Z5\nG90\nM107\nM104 S0\nM140 S0\nM84'
cu() { n=$1; m=$2; shift 2; CuraEngine slice -j $CURA/definitions/creality_ender3.def.json -s machine_start_gcode="$(printf "$CS")" -s machine_end_gcode="$(printf "$CE")" -s material_bed_temperature=60 -s material_bed_temperature_layer_0=60 -s machine_heated_bed=true -s material_print_temperature=200 -s material_print_temperature_layer_0=200 -s layer_height=0.2 -s layer_height_0=0.2 -s infill_line_distance=4 -s center_object=true -s mesh_position_x=0 "$@" -o out/cura-$n.gcode -l $m > log-$n 2>&1 || echo BAD $n; }
cu plain box.stl -s adhesion_type=skirt
cu brim vase.stl -s adhesion_type=brim
cu raft box.stl -s adhesion_type=raft
cu supports mushroom.stl -s support_enable=true -s adhesion_type=none
cu thick cone.stl -s layer_height=0.28 -s adhesion_type=skirt
cu zhop cone.stl -s retraction_hop_enabled=true -s adhesion_type=none
gzip -9 -n out/*.gcode
