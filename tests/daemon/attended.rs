//! Jobs that begin only while a person is there, and beds that stay occupied whatever happens.

use hw_sim::quirks::Face;

use crate::world::{Lab, gcode, printer, until};

#[test]
fn a_printer_that_may_not_start_unattended_waits_for_a_named_person() {
    let lab = Lab::one_with("unattended = false");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let jobs = [(); 2].map(|()| daemon.print(&file, &case, "mk"));
    let waiting = until("the reason", || {
        let waiting = daemon.job(&jobs[0])["waiting"]["printers"][0].clone();
        (waiting["person"] == true).then_some(waiting)
    });
    assert!(waiting["why"].as_str().unwrap().contains("platen jobs --start"), "{waiting}");
    let unnamed = daemon.platen(&["jobs", "--start", &jobs[1], "--by", ""]);
    assert_eq!(unnamed.code, Some(1), "{unnamed:?}");
    // Whoever stands there begins which job they like.
    daemon.ask(&["jobs", "--start", &jobs[1], "--by", "kim"]);
    daemon.wait_job(&jobs[1], "printed");
    assert_eq!(daemon.job(&jobs[0])["state"], "queued");
    // The bed comes first, and a person who said so before it was clear is not there later.
    let early = daemon.platen(&["jobs", "--start", &jobs[0], "--by", "kim"]);
    assert!(early.code == Some(1) && early.err.contains("bed"), "{early:?}");
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    daemon.wait_printer("mk", "ready");
    assert_eq!(daemon.job(&jobs[0])["state"], "queued");
    daemon.ask(&["jobs", "--start", &jobs[0], "--by", "lee"]);
    daemon.wait_job(&jobs[0], "printed");
    let released: Vec<_> = daemon
        .events()
        .into_iter()
        .filter(|event| event["fact"]["type"] == "job_released")
        .map(|event| event["fact"]["by"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(released, ["kim", "lee"]);
}

#[test]
fn a_case_may_demand_a_person_where_the_printer_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let board = printer(folder.path(), "mk", Face::Marlin21, 20.0);
    let lab = Lab::new(folder, vec![board], "");
    let text = std::fs::read_to_string(&lab.config).unwrap();
    std::fs::write(&lab.config, format!("attended_uses = [\"guide\"]\n{text}")).unwrap();
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let file = lab.file("part.gcode", &gcode(40));
    // The world's cases are for guides.
    let guide = daemon.print(&file, &daemon.case(), "mk");
    let waiting = until("the reason", || {
        let waiting = daemon.job(&guide)["waiting"].to_string();
        waiting.contains("says so of guides").then_some(waiting)
    });
    assert!(waiting.contains("--start"), "{waiting}");
    let told = daemon.platen(&["cases", "new", "--intended-use", "education"]);
    let education = told.out.trim().to_owned();
    daemon.ask(&["cases", "add-part", &education, "heart"]);
    let taught = daemon.print(&file, &education, "mk");
    daemon.wait_job(&taught, "printed");
    assert_eq!(daemon.job(&guide)["state"], "queued");
}

#[test]
fn an_occupied_bed_outlives_kill_9_and_no_start_passes_it() {
    let lab = Lab::one();
    let mut daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let first = daemon.print(&file, &case, "mk");
    daemon.wait_job(&first, "printed");
    let second = daemon.print(&file, &case, "mk");
    for _ in 0..2 {
        daemon.crash();
        daemon = lab.serve();
        daemon.wait_printer("mk", "ready");
        assert_eq!(daemon.printer("mk")["on_bed"], first.as_str());
        let told = daemon.platen(&["jobs", "--start", &second, "--by", "kim"]);
        assert!(told.code == Some(1) && told.err.contains("bed"), "{told:?}");
        assert_eq!(daemon.job(&second)["state"], "queued");
    }
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    daemon.wait_job(&second, "printed");
}
