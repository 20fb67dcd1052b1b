#!/bin/sh
# Rebuilds the demo print files (*.gcode.gz, *.sl1) from models.py and ../slicing/demo-{fdm,msla}.ini.
# Needs prusa-slicer and python3. Prints one README table row per file.
# The slicer writes the date into line 1, or into config.ini; it is cut, so the same slicer gives the same G-code.
# Supports for resin it sets by chance: an SL1 is another one each time.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 models.py "$tmp"
for name in heart vertebra guide; do
    g=$tmp/$name.gcode
    prusa-slicer --export-gcode --load ../slicing/demo-fdm.ini --output "$g" "$tmp/$name.stl" >"$tmp/log" 2>&1 ||
        { cat "$tmp/log" >&2; exit 1; }
    sed -i '1s/ on [0-9-]* at .*$//' "$g"
    time=$(sed -n 's/^; estimated printing time (normal mode) = //p' "$g")
    [ -n "$time" ] || { echo "$name: no slicer footer" >&2; exit 1; }
    gzip -9 -n -c "$g" >"$name.gcode.gz"
    echo "| $name.gcode.gz | $(wc -c <"$name.gcode.gz") | $(wc -c <"$g") | $(wc -l <"$g") | $time | $(sha256sum <"$g" | cut -d' ' -f1) |"
done
for sample in 'aneurysm 0.9' 'vertebra 0.3'; do
    name=${sample% *}
    prusa-slicer --export-sla --load ../slicing/demo-msla.ini --scale "${sample#* }" --output "$tmp/$name.sl1" \
        "$tmp/$name.stl" >"$tmp/log" 2>&1 || { cat "$tmp/log" >&2; exit 1; }
    python3 undated.py "$tmp/$name.sl1" "$name.sl1"
    size=$(wc -c <"$name.sl1")
    echo "| $name.sl1 | $size | $(python3 -m zipfile -l "$name.sl1" | grep -c png) | $(sha256sum <"$name.sl1" | cut -d' ' -f1) |"
done
