//! A print that was torn off, gone on with from a resume file: on its own bed, by a person, exactly what was left.

use crate::restart::{of_the_file, spelled};
use crate::world::{Lab, executed, printer, until, wait_commands};
use hw_sim::quirks::Face;

const LAYERS: u32 = 60;
/// Commands of one layer.
const EACH: u64 = 62;

fn z(layer: u64) -> String {
    format!("{}.{}", layer / 5, layer % 5 * 2)
}

/// A tower, with nothing that waits for heat.
fn tower() -> (String, u64) {
    let start = "G21\nG90\nM83\nM140 S40\nM104 S200\nG28\nG92 E0\nM106 S128\nG1 X30 Y30 F6000\n";
    let mut text = start.to_owned();
    for layer in 1..=u64::from(LAYERS) {
        text.push_str(&format!(";LAYER_CHANGE\nG1 Z{} F6000\nG1 E.8 F2100\n", z(layer)));
        for step in 0..EACH - 3 {
            text.push_str(&format!("G1 X{} Y{} E.05 F3000\n", 30 + step % 7, 30 + step % 5));
        }
        text.push_str("G1 E-.8 F2100\n");
    }
    text.push_str("M107\nM104 S0\nM140 S0\n");
    (text, start.lines().count() as u64)
}

/// A tower as Cura writes it: filament counts from the beginning, and the end counts from where the head is.
fn tower_of_cura() -> (String, u64) {
    let start = "G21\nG90\nM82\nM140 S40\nM104 S200\nG28\nG92 E0\nM106 S128\nG1 X30 Y30 F6000\n";
    let mut text = start.to_owned();
    for layer in 1..=u64::from(LAYERS) {
        text.push_str(&format!(";LAYER:{}\nG0 F6000 X30 Y30 Z{}\nG92 E0\n", layer - 1, z(layer)));
        for step in 0..EACH - 2 {
            text.push_str(&format!(
                "G1 F3000 X{} Y{} E{}.{:02}\n",
                30 + step % 7,
                30 + step % 5,
                step / 20,
                step % 20 * 5
            ));
        }
    }
    text.push_str("M107\nG91\nG1 E-2 F2700\nG1 E-2 Z0.2 F2400\nG1 X5 Y5 F3000\nG1 Z10\nG90\nG1 X0 Y100\nM104 S0\nM140 S0\n");
    (text, start.lines().count() as u64)
}

#[test]
fn a_file_whose_end_counts_from_where_the_head_is_can_be_gone_on_with_by_what_the_firmware_is() {
    let lab = Lab::one();
    let (text, start) = tower_of_cura();
    let file = lab.file("cura.gcode", &text);
    let daemon = lab.serve();
    let job = daemon.print(&file, &daemon.case(), "mk");
    wait_commands(&lab.printers[0], start + 8 * EACH);
    lab.printers[0].press_reset().unwrap();
    let ended = daemon.wait_job(&job, "interrupted");
    let layer = (ended["progress"]["confirmed"].as_u64().unwrap() - start).div_ceil(EACH);
    daemon.wait_printer("mk", "ready");
    let (at, high) = (layer.to_string(), z(layer));
    let made =
        daemon.platen(&["jobs", "--resume-file", &job, "--layer", &at, "--height", &high, "--by", "kim"]);
    assert_eq!(made.code, Some(0), "{made:?}");
}

#[derive(Clone, Copy, Debug)]
enum End {
    CablePulled,
    BoardReset,
}

fn torn_off_and_gone_on_with(end: End) {
    let folder = tempfile::tempdir().unwrap();
    let board = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let mut lab = Lab::new(folder, vec![board], "park_x = 5\npark_y = 190\nbuild_height = 200");
    let (text, start) = tower();
    let file = lab.file("tower.gcode", &text);
    let daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&file, &case, "mk");
    let early = daemon.platen(&["jobs", "--resume-file", &job, "--layer", "1", "--by", "kim"]);
    assert!(early.code == Some(1) && early.err.contains("cannot be gone on with"), "{early:?}");
    wait_commands(&lab.printers[0], start + 8 * EACH);
    match end {
        End::CablePulled => {
            lab.printers[0].unplug().unwrap();
            daemon.wait_job(&job, "interrupted");
            lab.printers[0].plug_in().unwrap();
        }
        End::BoardReset => lab.printers[0].press_reset().unwrap(),
    }
    let ended = daemon.wait_job(&job, "interrupted");
    let confirmed = ended["progress"]["confirmed"].as_u64().unwrap();
    let layer = (confirmed - start).div_ceil(EACH);
    assert!((2..u64::from(LAYERS)).contains(&layer), "{ended}");

    let make = |layer: u64, more: &[&str]| {
        let layer = layer.to_string();
        let mut args = vec!["jobs", "--resume-file", &job, "--layer", &layer, "--by", "kim"];
        args.extend(more);
        daemon.platen(&args)
    };
    // Layers are short, so the record cannot be sure; and those before are under the part.
    let unsure = make(layer, &[]);
    assert!(unsure.code == Some(1) && unsure.err.contains("--height"), "{unsure:?}");
    let below = make(layer - 3, &["--height", &z(layer)]);
    assert!(below.code == Some(1) && below.err.contains("not the one where the job ended"), "{below:?}");
    let made = make(layer, &["--height", &z(layer)]);
    assert!(made.code == Some(0) && made.out.contains("only, while the part stands on its bed"), "{made:?}");
    let queued = daemon.ask(&[
        "jobs",
        "--resume-file",
        &job,
        "--layer",
        &layer.to_string(),
        "--height",
        &z(layer),
        "--by",
        "kim",
        "--queue",
    ]);
    let resumed = queued["id"].as_str().unwrap();
    assert_eq!((&queued["resumes"]["job"], &queued["pinned"]), (&ended["id"], &"mk".into()), "{queued}");
    let other = daemon.print(&file, &case, "mk");

    daemon.wait_printer("mk", "ready");
    until("a person that is needed", || {
        daemon.job(resumed)["waiting"].to_string().contains("goes on with a part").then_some(())
    });
    assert!(daemon.job(&other)["waiting"].to_string().contains("still on its bed"));
    daemon.ask(&["jobs", "--start", resumed, "--by", "lee"]);
    let printed = daemon.wait_job(resumed, "printed");
    assert_eq!(printed["exact"], true, "{printed}");
    assert_eq!(printed["resumes"]["layer"].as_u64(), Some(layer), "{printed}");
    let shown = daemon.platen(&["jobs", resumed]).out;
    assert!(shown.contains(&format!("look     at layer {layer}: it goes on there")), "{shown}");
    assert_eq!(daemon.job(&job)["resume_files"][0]["file"], printed["file"]);
    assert_eq!(daemon.printer("mk")["on_bed"], *resumed);
    assert_eq!(daemon.job(&other)["state"], "queued");
    let noted: Vec<_> =
        daemon.events().into_iter().filter(|event| event["fact"]["type"] == "job_resume_file").collect();
    assert_eq!((noted.len(), noted[0]["fact"]["by"].as_str()), (1, Some("kim")), "made twice, noted once");

    let hash = printed["file"].as_str().unwrap();
    let path = lab.state().join("files").join(hash);
    let new = std::fs::read_to_string(path).unwrap();
    let rest = text.match_indices(";LAYER_CHANGE").nth(usize::try_from(layer - 1).unwrap()).unwrap().0;
    assert!(new.ends_with(&text[rest..]));
    daemon.terminate();
    let Lab { mut printers, folder, .. } = lab;
    let (_, lines) = executed(printers.remove(0));
    drop(folder);
    let wanted: Vec<_> = new.lines().filter(|line| !line.starts_with(';')).map(spelled).collect();
    // The firmware's own kill is platen's: armed and taken back while a job runs.
    let of_ours = of_the_file(&lines).into_iter().map(spelled);
    let found: Vec<_> = of_ours.filter(|line| !line.starts_with("M85 ")).collect();
    // Only a resume file waits for heat: from its first such line on, every line, once and in order.
    let waits = |lines: &[String]| lines.iter().position(|line| line.starts_with("M190"));
    let (from, begin) = (waits(&found).unwrap(), waits(&wanted).unwrap());
    let first_other = found[from..].iter().zip(&wanted[begin..]).find(|(found, wanted)| found != wanted);
    assert_eq!(first_other, None, "{end:?}: not exactly the resume file");
    assert!(found.len() - from >= wanted.len() - begin, "{end:?}: not all of the resume file");
    assert_eq!(found.iter().filter(|line| line.starts_with("G28")).count(), 2, "homed once for each job");
}

#[test]
fn a_job_that_was_to_go_on_and_ends_before_it_lays_anything_leaves_the_part_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let board = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let lab = Lab::new(folder, vec![board], "park_x = 5\npark_y = 190\nbuild_height = 200");
    let (text, start) = tower();
    let file = lab.file("tower.gcode", &text);
    let daemon = lab.serve();
    let case = daemon.case();
    let job = daemon.print(&file, &case, "mk");
    wait_commands(&lab.printers[0], start + 8 * EACH);
    lab.printers[0].press_reset().unwrap();
    let ended = daemon.wait_job(&job, "interrupted");
    let layer = (ended["progress"]["confirmed"].as_u64().unwrap() - start).div_ceil(EACH);
    let (number, height) = (layer.to_string(), z(layer));
    let queue = || {
        let args = [
            "jobs",
            "--resume-file",
            &job,
            "--layer",
            &number,
            "--height",
            &height,
            "--by",
            "kim",
            "--queue",
        ];
        daemon.ask(&args)["id"].as_str().unwrap().to_owned()
    };
    let begin = |id: &str| {
        daemon.wait_printer("mk", "ready");
        daemon.ask(&["jobs", "--start", id, "--by", "lee"]);
        daemon.wait_job(id, "printing");
    };
    // Both end while the bed heats up.
    let first = queue();
    begin(&first);
    daemon.ask(&["jobs", "--cancel", &first, "--by", "kim"]);
    daemon.wait_job(&first, "cancelled");
    assert_eq!(daemon.printer("mk")["on_bed"], *job, "cancelled");
    let unmeasured = daemon.platen(&["jobs", "--resume-file", &job, "--layer", &number, "--by", "kim"]);
    assert!(unmeasured.code == Some(1) && unmeasured.err.contains("--height"), "{unmeasured:?}");
    let second = queue();
    begin(&second);
    lab.printers[0].press_reset().unwrap();
    daemon.wait_job(&second, "interrupted");
    assert_eq!(daemon.printer("mk")["on_bed"], *job, "reset");
    let third = queue();
    begin(&third);
    assert_eq!(daemon.wait_job(&third, "printed")["exact"], true);
    assert_eq!(daemon.printer("mk")["on_bed"], *third);
}

#[test]
fn a_print_whose_cable_was_pulled_is_gone_on_with_on_its_bed_and_its_part_is_marked() {
    torn_off_and_gone_on_with(End::CablePulled);
}

#[test]
fn a_print_whose_board_was_reset_is_gone_on_with_on_its_bed_and_its_part_is_marked() {
    torn_off_and_gone_on_with(End::BoardReset);
}
