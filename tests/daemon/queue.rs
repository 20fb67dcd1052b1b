//! The shared queue with printers that print: in the order of the plan, and never where it may not be.

use hw_sim::quirks::Face;
use platen::domain::moment::WallTime;
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
    daemon.ask(&["queue", &jobs[0], "--due", "2031-01-01T07:00Z", "--by", "kim"]);
    daemon.ask(&["queue", &jobs[0], "--hold", "question", "--by", "kim"]);
    let held = until("the plan knows that it is held", || {
        let held = entry(&daemon, &jobs[0]);
        held["waits"].as_str().is_some_and(|why| why.contains("question")).then_some(held)
    });
    assert_eq!((&held["held"], &held["start"]), (&json!("question"), &Value::Null));
    assert!(held["waits"].as_str().unwrap().contains("late unless it begins by 2031-01-01"), "{held}");
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
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(400)));
    let jobs = [(); 2].map(|()| queue(&daemon, &file, &case));
    let first =
        until("one of them begins", || jobs.iter().find(|job| daemon.job(job)["state"] != "queued").cloned());
    let other = jobs.iter().find(|job| **job != first).unwrap();
    let second = |entry: &Value| Some(entry["start"].as_str()?.parse::<WallTime>().unwrap().0 / 1_000);
    until("the other one is planned for after the first one's heat-up, or waits for power", || {
        let [first, other] = [&first, other].map(|job| entry(&daemon, job));
        let later = second(&other)? >= second(&first)? + 60;
        (later || other["printers"].to_string().contains("circuit ring")).then_some(())
    });
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
    // Its moments are those of the list above, to the minute.
    assert!(why("mk").contains(" UTC"), "{}", why("mk"));
    assert!(!told.out.contains(".000Z"), "{told:?}");
}

#[test]
fn a_print_on_a_simulated_printer_is_planned_at_its_speed() {
    let lab = lab(&["mk"], "");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    // More than six hours of a real printer's, and the printers of these tests may be 200 times as fast.
    let text = gcode(40).replace("F6000\n", "F6000\nG4 S600\n");
    let (case, file) = (daemon.case(), lab.file("part.gcode", &text));
    let job = queue(&daemon, &file, &case);
    let entry = until("a plan with its length", || {
        let entry = entry(&daemon, &job);
        (entry["end"].is_string() && entry["guessed"].is_null()).then_some(entry)
    });
    let at = |what: &str| entry[what].as_str().unwrap().parse::<WallTime>().unwrap().0;
    assert!(at("end").abs_diff(at("start")) < 10 * 60_000, "{entry}");
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
    let planned = daemon.get("/v1/queue")["planned_at"].as_str().unwrap().parse::<WallTime>().unwrap();
    let due = WallTime(planned.0 - 3_600_000).to_string();
    daemon.ask(&["queue", &job, "--due", &due, "--by", "kim"]);
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

/// Of one printer, why the job is not printed there, as the queue and as the job itself say it.
fn whys(page: &Page, job: &str, printer: &str) -> [String; 2] {
    let of = |all: &Value| {
        let all = all.as_array().cloned().unwrap_or_default();
        let why = all.into_iter().find(|why| why["printer"] == printer);
        why.and_then(|why| Some(why["why"].as_str()?.to_owned())).unwrap_or_default()
    };
    [of(&entry(page, job)["printers"]), of(&page.job(job)["waiting"]["printers"])]
}

/// The same, once both say this.
fn wait_whys(page: &Page, job: &str, printer: &str, reason: &str) -> String {
    let mut last = [String::new(), String::new()];
    until(&format!("{job} waits on {printer}: {reason}"), || {
        last = whys(page, job, printer);
        (last.iter().all(|why| why.contains(reason)) && last[0] == last[1]).then(|| last[0].clone())
    })
}

fn refused(page: &Page, args: &[&str], reason: &str) {
    let told = page.platen(args);
    assert!(told.code == Some(1) && told.err.contains(reason), "{args:?}, {reason}: {told:?}");
}

#[test]
fn a_printer_for_resin_gets_no_job_by_any_way_and_nobody_is_sent_there() {
    let lab = lab(&["mk", "rb"], "unattended = false");
    let config = std::fs::read_to_string(&lab.config).unwrap();
    std::fs::write(&lab.config, config.replace("name = \"rb\"", "name = \"rb\"\nkind = \"resin\"")).unwrap();
    let daemon = lab.serve();
    for name in ["mk", "rb"] {
        daemon.wait_printer(name, "ready");
    }
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    refused(
        &daemon,
        &["print", &file, "--case", &case, "--part", "1", "--printer", "rb"],
        "prints with resin",
    );
    let job = queue(&daemon, &file, &case);
    refused(&daemon, &["jobs", "--start", &job, "--printer", "rb", "--by", "kim"], "prints with resin");
    for what in ["--printer", "--prepared"] {
        refused(&daemon, &["queue", &job, what, "rb", "--by", "kim"], "prints with resin");
    }
    let why = wait_whys(&daemon, &job, "rb", "needs a filament printer");
    assert!(!why.contains("--start"), "{why}");
    let person = |name: &str| {
        let all = daemon.job(&job)["waiting"]["printers"].as_array().unwrap().clone();
        all.into_iter().find(|on| on["printer"] == name).unwrap()["person"].clone()
    };
    assert_eq!((person("rb"), person("mk")), (json!(false), json!(true)));
    assert!(wait_whys(&daemon, &job, "mk", "--start").contains("begins here"), "and what is planned");
    daemon.ask(&["queue", &job, "--printer", "any", "--by", "kim"]);
    daemon.ask(&["jobs", "--start", &job, "--printer", "mk", "--by", "kim"]);
    daemon.wait_job(&job, "printed");
}

#[test]
fn a_job_is_not_begun_by_hand_beside_the_printer_that_a_colleague_has_prepared() {
    let lab = lab(&["mk", "pr"], "unattended = false");
    let daemon = lab.serve();
    for name in ["mk", "pr"] {
        daemon.wait_printer(name, "ready");
    }
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let job = queue(&daemon, &file, &case);
    daemon.ask(&["queue", &job, "--prepared", "mk", "--by", "kim"]);
    let why = wait_whys(&daemon, &job, "pr", "mk is prepared for the job");
    assert!(!why.contains("--start"), "{why}");
    let start = ["jobs", "--start", &job, "--printer", "pr", "--by", "lee"];
    refused(&daemon, &start, &format!("printer mk is prepared for job {job} by kim"));
    refused(&daemon, &start, "--prepared no");
    daemon.ask(&["queue", &job, "--prepared", "no", "--by", "lee"]);
    daemon.ask(&start);
    daemon.wait_job(&job, "printed");
    assert_eq!(daemon.job(&job)["printer"], "pr");
}

/// A file whose slicer says how heavy its filament is: 48 mg of PLA.
fn weighed() -> String {
    let mut text =
        "; filament_diameter: 1.75\n; filament_density: 1.24\nM140 S60\nM109 S200\nG28\nG90\nM83\n"
            .to_owned();
    text.push_str("G1 Z0.2 F600\n");
    for i in 0..400 {
        text.push_str(&format!("G1 X{} Y{} E0.04 F6000\n", 10 + i % 3, 10 + i % 5));
    }
    text + "M104 S0\nM140 S0\n"
}

/// A lot of PLA of so many grams on `mk`.
fn loaded(page: &Page, grams: &str) {
    let about = ["--material", "PLA", "--supplier-lot", "L-1", "--received", "2026-11-02"];
    let more = ["--expires", "2099-06-30", "--grams", grams, "--by", "sam"];
    let lot = page.ask(&[&["lots", "receive"], &about[..], &more[..]].concat());
    let lot = lot["id"].as_str().unwrap();
    page.ask(&["lots", "release", lot, "--by", "sam"]);
    page.ask(&["loads", "load", "mk", lot, "--by", "sam"]);
}

#[test]
fn where_lots_are_asked_for_no_job_begins_by_hand_with_too_little_material() {
    let lab = lab(&["mk"], "unattended = false");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case(), lab.file("part.gcode", &weighed()));
    daemon.ask(&["site-rules", "--set", "--lots", "--by", "pat"]);
    loaded(&daemon, "0.02");
    let job = daemon.ask(&["print", &file, "--case", &case, "--part", "1", "--material", "PLA"]);
    let job = job["id"].as_str().unwrap();
    let why = wait_whys(&daemon, job, "mk", "PLA are left");
    assert!(!why.contains("--start"), "{why}");
    let start = ["jobs", "--start", job, "--printer", "mk", "--by", "kim"];
    refused(&daemon, &start, &format!("0 g of PLA are left on printer mk, and job {job} needs 1 g"));
    daemon.ask(&["loads", "unload", "mk", "--by", "sam"]);
    loaded(&daemon, "100");
    wait_whys(&daemon, job, "mk", "--start");
    daemon.ask(&start);
    daemon.wait_job(job, "printed");
}

#[test]
fn a_hold_is_somebody_s_and_who_ends_another_s_is_told_whose_it_was() {
    let lab = lab(&["mk"], "unattended = false");
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let job = queue(&daemon, &file, &case);
    let held = daemon.ask(&["queue", &job, "--hold", "question", "--by", "kim"]);
    assert_eq!(
        (&held["held"], &held["held_by"], &held["note"]),
        (&json!("question"), &json!("kim"), &Value::Null)
    );
    let lee = ["queue", &job, "--hold", "material", "--by", "lee"];
    refused(&daemon, &lee, "it waits for an answer to a question, says kim");
    let told = daemon.platen(&["queue", &job, "--go-on", "--by", "lee"]);
    assert!(told.out.contains("this ended the hold of kim"), "{told:?}");
    daemon.ask(&lee);
    let ended = json!(["kim", "question"]);
    let mut facts = daemon.events().into_iter().map(|event| event["fact"].clone());
    let fact = facts.find(|fact| fact["wanted"]["ended"] == ended).expect("the journal says whose it was");
    assert_eq!(fact["by"], "lee", "{fact}");
}

#[test]
fn what_is_no_sensible_wish_is_refused_in_words_and_an_emergency_is_due_at_once() {
    let lab = lab(&["mk"], "unattended = false");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let job = queue(&daemon, &file, &case);
    let wish = |what: &str, word: &str, reason: &str| {
        refused(&daemon, &["queue", &job, what, word, "--by", "kim"], reason);
    };
    wish("--before", &job, "cannot stand before itself");
    wish("--due", "1970-01-01T07:00Z", "within the next five years");
    wish("--due", "2199-01-01T07:00Z", "within the next five years");
    let urgent = daemon.ask(&["queue", &job, "--priority", "emergency", "--by", "kim"]);
    assert_eq!((&urgent["at_once"], &urgent["due"]), (&json!(true), &Value::Null));
    assert!(daemon.platen(&["queue"]).out.contains("at once"));
    daemon.ask(&["jobs", "--start", &job, "--by", "kim"]);
    daemon.wait_job(&job, "printed");
    refused(&daemon, &["queue", &job], &format!("platen jobs --reprint {job} --cause"));
    let again = daemon.ask(&["jobs", "--reprint", &job, "--cause", "damaged", "--by", "kim"]);
    let again = again["id"].as_str().unwrap();
    for verb in ["queue", "jobs"] {
        let told = daemon.platen(&[verb, again]);
        assert!(told.out.contains(&format!("job {job} again: it was damaged")), "{told:?}");
    }
}

#[test]
fn a_job_without_approvals_says_everything_that_it_lacks_in_the_queue_as_well() {
    let lab = lab(&["mk"], "");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    daemon.ask(&["site-rules", "--set", "--approval-before-printing", "--by", "pat"]);
    let (case, file) = (daemon.case(), lab.file("part.gcode", &gcode(40)));
    let job = queue(&daemon, &file, &case);
    let why = wait_whys(&daemon, &job, "mk", "not in production");
    assert!(why.contains("it is not known from which revision") && !why.contains("in a moment"), "{why}");
}

/// A file as OctoPrint's button sends it, to be printed: its answer.
fn button(page: &Page, name: &str, text: &str) -> Value {
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"print\"\r\n\r\ntrue\r\n--x\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"{name}\"\r\n\r\n{text}\r\n--x--\r\n"
    );
    let sent = page.agent.post(format!("{}/api/files/local", page.url));
    let mut sent = sent.header("Content-Type", "multipart/form-data; boundary=x").send(form).unwrap();
    assert_eq!(sent.status().as_u16(), 201);
    sent.body_mut().read_json().unwrap()
}

#[test]
fn an_upload_that_names_no_material_waits_where_lots_are_asked_for_and_one_taken_off_is_queued_again() {
    let lab = lab(&["mk"], "unattended = false");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let case = daemon.case();
    daemon.ask(&["site-rules", "--set", "--lots", "--by", "pat"]);
    button(&daemon, &format!("{case}-1.gcode"), &gcode(40));
    let upload = || daemon.ask(&["uploads"])[0].clone();
    let waits = upload();
    assert_eq!(waits["state"], "unassigned", "{waits}");
    assert!(waits["waits"].as_str().unwrap().contains("a job says its material"), "{waits}");
    assert_eq!(daemon.get("/v1/jobs"), json!([]));
    let id = waits["id"].as_str().unwrap().to_owned();
    let assign = ["uploads", "--assign", &id, "--material", "PLA", "--by", "kim"];
    refused(&daemon, &["uploads", "--assign", &id, "--by", "kim"], "a job says its material");
    let first = daemon.ask(&assign)["id"].as_str().unwrap().to_owned();
    refused(&daemon, &assign, &format!("is job {first} already"));
    daemon.ask(&["jobs", "--cancel", &first, "--by", "kim"]);
    assert!(upload()["waits"].as_str().unwrap().contains("cancelled before it began"), "{}", upload());
    let second = daemon.ask(&assign)["id"].as_str().unwrap().to_owned();
    let now = upload();
    assert_eq!((&now["job"], &now["waits"]), (&json!(second), &Value::Null));
    assert_eq!(daemon.job(&first)["state"], "cancelled");
}

#[test]
fn an_upload_with_an_impossible_part_waits_and_the_list_shows_the_part_that_it_was_given() {
    let lab = lab(&["mk"], "unattended = false");
    let daemon = lab.serve();
    let case = daemon.case();
    let answer = button(&daemon, &format!("{case}-99999999999.gcode"), &gcode(40));
    assert_eq!(answer["effectivePrint"], false, "{answer}");
    let waits = daemon.ask(&["uploads"])[0].clone();
    assert_eq!((&waits["state"], &waits["case"]), (&json!("unassigned"), &json!(case)));
    let id = waits["id"].as_str().unwrap();
    let assign = ["uploads", "--assign", id, "--by", "kim"];
    refused(&daemon, &assign, "has no part");
    daemon.ask(&[&assign[..], &["--part", "1"]].concat());
    let queued = daemon.ask(&["uploads"])[0].clone();
    assert_eq!((&queued["state"], &queued["part"]), (&json!("queued"), &json!(1)), "{queued}");
    button(&daemon, "heart.gcode", &gcode(41));
    let newest = daemon.ask(&["uploads"])[0].clone();
    let id = newest["id"].as_str().unwrap();
    daemon.ask(&["uploads", "--assign", id, "--case", &case, "--part", "1", "--by", "kim"]);
    let listed = daemon.platen(&["uploads"]).out;
    assert_eq!(listed.matches(&format!("{case} part 1")).count(), 2, "{listed}");
}

#[test]
fn no_job_is_meant_for_a_printer_that_its_file_can_never_pass() {
    let lab = lab(&["mk", "pr"], "unattended = false");
    let config = std::fs::read_to_string(&lab.config).unwrap();
    let small = "name = \"pr\"\nbuild_x = [0, 5]\nbuild_y = [0, 5]\nbuild_height = 5";
    std::fs::write(&lab.config, config.replace("name = \"pr\"", small)).unwrap();
    let daemon = lab.serve();
    let (case, file) = (daemon.case(), lab.file("part.gcode", &weighed()));
    let job = queue(&daemon, &file, &case);
    for what in ["--printer", "--prepared"] {
        refused(&daemon, &["queue", &job, what, "pr", "--by", "kim"], "does not pass the gate of pr");
        daemon.ask(&["queue", &job, what, "mk", "--by", "kim"]);
    }
    daemon.ask(&["queue", &job, "--printer", "any", "--by", "kim"]);
}
