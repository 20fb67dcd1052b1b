//! The shared queue with printers that print: in the order of the plan, and never where it may not be.

use hw_sim::quirks::Face;
use serde_json::{Value, json};

use crate::world::{Lab, Page, gcode, printer, until};

fn lab(names: &[&str], more: &str) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let printers = names.iter().map(|name| printer(folder.path(), name, Face::Marlin21, 20.0)).collect();
    Lab::new(folder, printers, more)
}

/// A job for any printer: its id.
fn queue(page: &Page, file: &str, case: &str) -> String {
    page.ask(&["print", file, "--case", case, "--part", "1"])["id"].as_str().unwrap().to_owned()
}

fn entry(page: &Page, job: &str) -> Value {
    page.get(&format!("/v1/queue/{job}"))
}

fn started_in_order(page: &Page) -> Vec<String> {
    let started = page.events().into_iter().filter(|event| event["fact"]["type"] == "job_started");
    started.map(|event| event["subject"]["job"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_due_first_begins_first_and_what_is_held_not_at_all() {
    let lab = lab(&["mk"], "");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(60)));
    let first = queue(&daemon, &file, &case);
    daemon.wait_job(&first, "printing");
    let jobs = [(); 4].map(|()| queue(&daemon, &file, &case));
    daemon.ask(&["queue", &jobs[3], "--due", "2030-01-01T07:00Z", "--by", "kim"]);
    daemon.ask(&["queue", &jobs[2], "--due", "2029-01-01T07:00Z", "--by", "kim"]);
    daemon.ask(&["queue", &jobs[0], "--hold", "question", "--by", "kim"]);
    let held = until("the plan knows that it is held", || {
        let held = entry(&daemon, &jobs[0]);
        held["waits"].as_str().is_some_and(|why| why.contains("question")).then_some(held)
    });
    assert_eq!((&held["held"], &held["start"]), (&json!("question"), &Value::Null));
    daemon.wait_job(&first, "printed");
    for job in [&jobs[2], &jobs[3], &jobs[1]] {
        daemon.wait_printer("mk", "ready");
        daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
        daemon.wait_job(job, "printed");
    }
    assert_eq!(started_in_order(&daemon), [&first, &jobs[2], &jobs[3], &jobs[1]].map(String::clone));
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    daemon.ask(&["queue", &jobs[0], "--go-on", "--by", "kim"]);
    daemon.wait_job(&jobs[0], "printed");
}

#[test]
fn two_printers_share_the_queue_and_no_job_begins_twice() {
    let lab = lab(&["mk", "pr"], "bed_clearing = \"automatic\"");
    let daemon = lab.serve();
    for name in ["mk", "pr"] {
        daemon.wait_printer(name, "ready");
    }
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let batch = daemon.ask(&["print", &file, "--case", &case, "--part", "1", "--copies", "6"]);
    let mut jobs: Vec<String> =
        batch["copies"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    jobs.push(batch["id"].as_str().unwrap().to_owned());
    assert_eq!(jobs.len(), 6);
    for job in &jobs {
        daemon.wait_job(job, "printed");
    }
    let started = started_in_order(&daemon);
    let mut once = started.clone();
    once.sort();
    once.dedup();
    assert_eq!((started.len(), once.len()), (6, 6), "{started:?}");
    let on = |name: &str| jobs.iter().filter(|job| daemon.job(job)["printer"] == name).count();
    assert!(on("mk") > 0 && on("pr") > 0, "both print: {} and {}", on("mk"), on("pr"));
}

#[test]
fn a_printer_that_is_away_gets_nothing_and_says_until_when() {
    let lab = lab(&["mk", "pr"], "");
    let daemon = lab.serve();
    for name in ["mk", "pr"] {
        daemon.wait_printer(name, "ready");
    }
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let now = daemon.get("/v1/queue")["planned_at"].as_str().unwrap()[..16].to_owned();
    let (year, month): (u32, u32) = (now[..4].parse().unwrap(), now[5..7].parse().unwrap());
    let until = format!("{}-{:02}-28T00:00Z", year + month / 12, month % 12 + 1);
    daemon.ask(&["queue", "--away", "mk", "--from", &format!("{now}Z"), "--until", &until, "--by", "kim"]);
    let job = queue(&daemon, &file, &case);
    daemon.wait_job(&job, "printed");
    assert_eq!(daemon.job(&job)["printer"], "pr");
}

#[test]
fn one_circuit_heats_up_one_printer_after_the_other() {
    let lab = lab(&["mk", "pr"], "");
    // Each draws all that the circuit carries for the minute in which it heats up.
    let power = "circuit = \"ring\"\nheating_w = 900\nprinting_w = 100\nheatup_min = 1";
    lab.configure("[[circuit]]\nname = \"ring\"\nwatts = 1000\n", power);
    let daemon = lab.serve();
    for name in ["mk", "pr"] {
        daemon.wait_printer(name, "ready");
    }
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let jobs = [(); 2].map(|()| queue(&daemon, &file, &case));
    let first =
        until("one of them begins", || jobs.iter().find(|job| daemon.job(job)["state"] != "queued").cloned());
    let other = jobs.iter().find(|job| **job != first).unwrap();
    let waits = until("the other one is planned for later, or on the same printer", || {
        let entry = entry(&daemon, other);
        entry["start"].is_string().then_some(entry)
    });
    let why = waits["printers"].to_string();
    assert!(why.contains("ring") || why.contains("prints until") || why.contains("begins"), "{why}");
    assert_eq!(daemon.job(other)["state"], "queued", "nothing heats up beside the first");
}

#[test]
fn of_every_printer_it_is_said_why_a_job_is_not_printed_there() {
    let lab = lab(&["mk", "pr"], "");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(400)));
    let running = daemon.print(&file, &case, "mk");
    daemon.wait_job(&running, "printing");
    let job = daemon.print(&file, &case, "mk");
    let view = until("a plan with it", || {
        let view = entry(&daemon, &job);
        view["printers"].as_array().is_some_and(|all| all.len() == 2).then_some(view)
    });
    let why = |name: &str| {
        let all = view["printers"].as_array().unwrap();
        all.iter().find(|why| why["printer"] == name).unwrap()["why"].as_str().unwrap().to_owned()
    };
    assert!(why("pr").contains("pinned to mk"), "{}", why("pr"));
    assert!(!why("mk").is_empty());
    let told = daemon.platen(&["queue", &job]);
    assert!(told.out.contains("WHY, OR WHY NOT") && told.out.contains("pinned to mk"), "{told:?}");
}

#[test]
fn a_reprint_is_a_new_job_that_says_why() {
    let lab = lab(&["mk"], "");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let first = daemon.print(&file, &case, "mk");
    let early = daemon.platen(&["jobs", "--reprint", &first, "--cause", "damaged", "--by", "kim"]);
    assert_eq!(early.code, Some(1), "{early:?}");
    daemon.wait_job(&first, "printed");
    let again = daemon.ask(&["jobs", "--reprint", &first, "--cause", "damaged", "--by", "kim"]);
    let again = again["id"].as_str().unwrap();
    assert_eq!(entry(&daemon, again)["reprints"], json!({"job": first, "cause": "damaged"}));
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    daemon.wait_job(again, "printed");
}

#[test]
fn what_people_want_of_the_queue_survives_kill_9() {
    let lab = lab(&["mk"], "unattended = false");
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let jobs = [(); 2].map(|()| queue(&daemon, &file, &case));
    daemon.ask(&["queue", &jobs[1], "--priority", "urgent", "--by", "kim"]);
    daemon.ask(&["queue", &jobs[0], "--due", "2030-01-01T07:00Z", "--by", "kim"]);
    daemon.ask(&["queue", &jobs[1], "--before", &jobs[0], "--by", "kim"]);
    daemon.ask(&["queue", &jobs[1], "--prepared", "mk", "--by", "kim"]);
    daemon.crash();
    let daemon = lab.serve();
    let kept = entry(&daemon, &jobs[1]);
    assert_eq!((&kept["priority"], &kept["prepared"]), (&json!("urgent"), &json!("mk")));
    assert_eq!(entry(&daemon, &jobs[0])["due"], "2030-01-01T07:00:00.000Z");
}

#[test]
fn a_print_that_cannot_be_in_time_is_told_before_it_begins_and_once() {
    let lab = lab(&["mk"], "unattended = false");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let job = queue(&daemon, &file, &case);
    daemon.ask(&["queue", &job, "--due", "2020-01-01T07:00Z", "--by", "kim"]);
    let told = |daemon: &Page| -> Vec<Value> {
        let of_queue = daemon.events().into_iter().filter(|event| event["fact"]["type"] == "queue");
        of_queue.filter(|event| event["fact"]["what"] == "late_foreseen").collect()
    };
    let late = until("it is told", || Some(told(&daemon)).filter(|told| !told.is_empty()));
    assert_eq!(late[0]["fact"]["job"], *job);
    assert!(entry(&daemon, &job)["slack_min"].as_i64().unwrap() < 0);
    assert!(daemon.platen(&["queue"]).out.contains("LATE by"));
    daemon.ask(&["queue", &job, "--priority", "urgent", "--by", "kim"]);
    daemon.ask(&["jobs", "--start", &job, "--by", "kim"]);
    daemon.wait_job(&job, "printed");
    assert_eq!(told(&daemon).len(), 1);
}

#[test]
fn what_a_slicer_sends_waits_on_the_page_and_prints_once_somebody_has_said_of_which_part_it_is() {
    let lab = lab(&["mk"], "");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"print\"\r\n\r\ntrue\r\n--x\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"Doe_Jane_LeftFemur.gcode\"\r\n\r\n{}\r\n--x--\r\n",
        gcode(40)
    );
    let sent = daemon.agent.post(format!("{}/p/mk/api/files/local", daemon.url));
    let mut sent = sent.header("Content-Type", "multipart/form-data; boundary=x").send(form).unwrap();
    let answer: Value = sent.body_mut().read_json().unwrap();
    assert_eq!((sent.status().as_u16(), &answer["effectivePrint"]), (201, &json!(false)), "{answer}");
    let uploads = daemon.ask(&["uploads"]);
    let (upload, name) = (uploads[0]["id"].as_str().unwrap(), uploads[0]["name"].as_str().unwrap());
    assert_eq!((&uploads[0]["state"], &uploads[0]["printer"]), (&json!("unassigned"), &json!("mk")));
    assert!(name.starts_with("left-femur-"), "{name}");
    let page = daemon.page();
    assert!(page.contains(name) && !page.contains("Doe"), "it is on the page by its safe name");
    assert_eq!(daemon.get("/v1/jobs"), json!([]), "nothing is printed of it");
    let case = daemon.case();
    let job = daemon.ask(&["uploads", "--assign", upload, "--case", &case, "--part", "1", "--by", "kim"]);
    daemon.wait_job(job["id"].as_str().unwrap(), "printed");
    let again =
        daemon.platen(&["uploads", "--assign", upload, "--case", &case, "--part", "1", "--by", "kim"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert_eq!(daemon.ask(&["uploads"])[0]["state"], "queued");
}
