//! A checked model as a file of our own: triangles in millimetres, its lowest corner at the origin, and nothing else.
//!
//! Only this file ever reaches a slicer. Names, units, settings, scripts and whatever else a model brought with it
//! stay behind; so does the difference between what we read in it and what a slicer would.

use std::io::{BufWriter, Read, Seek, Write};

use super::limits::{Budget, Limits, ModelError, REDUCE};
use super::scale::Unit;
use super::{Hint, ModelReport, pass};

#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the model's own copy for the slicer cannot be written: {0}")]
    Write(std::io::Error),
}

/// Writes binary STL. `report` is what an earlier `read` with the same arguments found; a source that is no longer
/// the same is refused.
pub fn rewrite(
    source: &mut (impl Read + Seek),
    hint: Option<Hint>,
    told: Option<Unit>,
    limits: &Limits,
    report: &ModelReport,
    out: impl Write,
) -> Result<(), RewriteError> {
    let wanted = report.triangles - report.degenerate;
    // A 3MF may place one object many times.
    Budget::new(limits.triangles, "too many triangles on its plate", REDUCE).spend(wanted)?;
    let claim = u32::try_from(wanted).unwrap_or(u32::MAX);
    let (mm, low) = (report.unit.millimetres(), report.extents.low);
    let mut out = BufWriter::new(out);
    let mut written = out.write_all(&[b' '; 80]).and_then(|()| out.write_all(&claim.to_le_bytes()));
    let mut count = 0;
    let mut sink = |corners: [[f64; 3]; 3]| {
        count += 1;
        if written.is_ok() {
            written = out.write_all(&triangle(
                corners.map(|at| std::array::from_fn(|axis| at[axis] * mm - low[axis])),
            ));
        }
    };
    let again = pass(source, hint, told, limits, Some(&mut sink))?;
    written.and_then(|()| out.flush()).map_err(RewriteError::Write)?;
    if again.hash != report.hash || count != wanted {
        return Err(ModelError::Unreadable("it changed while it was read".into()).into());
    }
    Ok(())
}

/// Fifty bytes; without a normal, which every reader computes by itself. It is −0 three times: readers of the family
/// of admesh (PrusaSlicer) take a file for text whose first triangles have no byte above 127, as a large box may.
fn triangle(corners: [[f64; 3]; 3]) -> [u8; 50] {
    let mut bytes = [0; 50];
    for normal in bytes[..12].chunks_exact_mut(4) {
        normal.copy_from_slice(&(-0.0_f32).to_le_bytes());
    }
    for (place, at) in bytes[12..48].chunks_exact_mut(4).zip(corners.into_iter().flatten()) {
        #[expect(clippy::cast_possible_truncation, reason = "STL has no more digits")]
        place.copy_from_slice(&(at as f32).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::limits::LIMITS;
    use super::super::tests::{CUBE, binary_stl, mesh_xml, obj, soup, threemf, threemf_parts};
    use super::super::{Format, read};
    use super::*;
    use std::io::Cursor;

    fn both(file: &[u8], told: Option<Unit>) -> (ModelReport, ModelReport, Vec<u8>) {
        let report = read(&mut Cursor::new(file), None, told, &LIMITS).unwrap();
        let mut out = Vec::new();
        rewrite(&mut Cursor::new(file), None, told, &LIMITS, &report, &mut out).unwrap();
        let own = read(&mut Cursor::new(&out), None, None, &LIMITS).unwrap();
        (report, own, out)
    }

    #[test]
    fn what_is_written_has_the_size_the_volume_and_the_edges_of_what_was_read_and_begins_at_the_origin() {
        let mut cube = soup(&CUBE, 12.5);
        cube.iter_mut().flatten().for_each(|at| *at = [at[0] - 3.0, at[1] + 7.0, at[2] - 40.0]);
        let (a, b) = (cube[0][0], cube[0][1]);
        cube.push([a, a, b]);
        for (file, told, mm) in [
            (binary_stl(&cube), None, 1.0),
            (binary_stl(&cube), Some(Unit::Inch), 25.4),
            (obj(&cube).into_bytes(), Some(Unit::Centimetre), 10.0),
        ] {
            let (report, own, _) = both(&file, told);
            assert_eq!(own.format, Format::StlBinary);
            assert_eq!((own.triangles, own.degenerate, own.watertight), (12, 0, true));
            assert_eq!(own.extents.low, [0.0; 3]);
            for (found, wanted) in own.size.into_iter().zip(report.size) {
                assert!((found - wanted).abs() < 1e-3 && (found - 12.5 * mm).abs() < 1e-3, "{own:?}");
            }
            assert!((own.volume_mm3 / report.volume_mm3 - 1.0).abs() < 1e-5, "{own:?}");
        }
    }

    #[test]
    fn every_object_of_a_3mf_stands_where_its_transforms_put_it_and_a_mirrored_one_faces_outwards() {
        let mesh = mesh_xml(&soup(&CUBE, 10.0))
            .replace("<vertices>", "<vertices><vertex x=\"900\" y=\"0\" z=\"0\"/>");
        // The corner that nobody uses moves all others by one.
        let moved = mesh
            .split("<triangle ")
            .map(|piece| {
                let Some(rest) = piece.strip_prefix("v1=\"") else { return piece.to_owned() };
                let numbers: Vec<String> = rest
                    .split('"')
                    .map(|word| word.parse::<u32>().map_or_else(|_| word.to_owned(), |n| (n + 1).to_string()))
                    .collect();
                format!("<triangle v1=\"{}", numbers.join("\""))
            })
            .collect::<String>();
        let resources = format!("<object id=\"1\" type=\"model\">{moved}</object>");
        let build = "<item objectid=\"1\"/><item objectid=\"1\" transform=\"-1 0 0 0 1 0 0 0 2 40 5 0\"/>";
        let (report, own, _) = both(&threemf(&resources, build), None);
        assert_eq!((report.objects, report.triangles, own.triangles), (2, 24, 24));
        assert_eq!((own.size, own.extents.low), ([40.0, 15.0, 20.0], [0.0; 3]));
        assert!(own.watertight, "{own:?}");
        assert!((own.volume_mm3 - 3_000.0).abs() < 1e-2, "both face outwards: {}", own.volume_mm3);
    }

    #[test]
    fn no_byte_of_a_3mf_s_settings_is_in_what_is_written() {
        let mesh = mesh_xml(&soup(&CUBE, 20.0));
        let xml = super::super::tests::model_xml(
            "",
            &format!("<metadata name=\"Title\">post_process</metadata><object id=\"1\">{mesh}</object>"),
            "<item objectid=\"1\"/>",
        );
        let config = "; post_process = /tmp/evil.sh\n; layer_height = 0.9\n";
        let file = threemf_parts(&[("3D/3dmodel.model", &xml), ("Metadata/Slic3r_PE.config", config)]);
        let (report, own, out) = both(&file, None);
        assert!(report.settings && !own.settings);
        assert_eq!(out.len(), 84 + 50 * 12);
        let text = String::from_utf8_lossy(&out);
        assert!(!text.contains("post_process") && !text.contains("evil"));
    }

    #[test]
    fn no_reader_can_take_it_for_text() {
        let (_, _, out) = both(&binary_stl(&soup(&CUBE, 200.0)), None);
        assert!(out[84..84 + 128].iter().any(|byte| *byte > 127));
        assert!(!out.starts_with(b"solid"));
    }

    #[test]
    fn a_model_that_changed_since_it_was_judged_is_not_written() {
        let one = binary_stl(&soup(&CUBE, 20.0));
        let report = read(&mut Cursor::new(&one), None, None, &LIMITS).unwrap();
        let other = binary_stl(&soup(&CUBE, 20.5));
        let told = rewrite(&mut Cursor::new(&other), None, None, &LIMITS, &report, Vec::new()).unwrap_err();
        assert!(told.to_string().contains("it changed while it was read"), "{told}");
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_as_that() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let one = binary_stl(&soup(&CUBE, 20.0));
        let report = read(&mut Cursor::new(&one), None, None, &LIMITS).unwrap();
        let told = rewrite(&mut Cursor::new(&one), None, None, &LIMITS, &report, Full).unwrap_err();
        assert!(matches!(told, RewriteError::Write(_)), "{told}");
    }
}
