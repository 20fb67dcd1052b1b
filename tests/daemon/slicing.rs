//! A model to a printed part, with the real PrusaSlicer; and slicers that fail while the daemon goes on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hw_sim::quirks::Face;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::crash::assert_gapless;
use crate::world::{Lab, Page, gcode, printer, run, until};

/// A lab with one fast printer of a model that processes are for.
fn lab(more: &str) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let printer = printer(folder.path(), "mk", Face::Marlin21, 200.0);
    let lab = Lab::new(folder, vec![printer], "");
    configure(&lab, more, "");
    lab
}

/// `more` of how it slices, and `printer` of its printer.
fn configure(lab: &Lab, more: &str, printer: &str) {
    let profiles = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/slicing");
    let section = format!("[slicing]\nprofiles = {profiles:?}\n{more}");
    lab.configure(&section, &format!("model = \"generic-220\"\n{printer}"));
}

/// A program that says the right version and else does what the script says; `$lab` is the lab's folder.
fn slicer(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("slicer");
    let text = format!(
        "#!/bin/sh\nlab=\"$(dirname \"$0\")\"\ncase \"$*\" in --help) exec prusa-slicer --help;; esac\n{script}\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn lab_with(script: &str) -> Lab {
    let lab = lab("");
    let program = slicer(lab.folder.path(), script);
    configure(&lab, &format!("program = {program:?}\n"), "");
    lab
}

/// 12 by 10 by 2 mm, in words.
fn model(lab: &Lab) -> String {
    let corner = |n: u8| format!("vertex {} {} {}", (n & 1) * 12, (n >> 1 & 1) * 10, (n >> 2 & 1) * 2);
    let faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]];
    let mut text = "solid heart of Meier\n".to_owned();
    for [a, b, c, d] in faces {
        for triangle in [[a, b, c], [a, c, d]] {
            let corners = triangle.map(corner).join("\n");
            text += &format!("facet normal 0 0 0\nouter loop\n{corners}\nendloop\nendfacet\n");
        }
    }
    lab.file("heart.stl", &(text + "endsolid heart of Meier\n"))
}

fn order<'a>(file: &'a str, case: &'a str) -> Vec<&'a str> {
    vec!["print", file, "--case", case, "--part", "1", "--process", "draft"]
}

fn kinds(events: &[Value], job: &str) -> Vec<String> {
    let of = |event: &&Value| event["subject"]["job"] == job && event["fact"]["type"] != "job_progress";
    events.iter().filter(of).map(|event| event["fact"]["type"].as_str().unwrap().to_owned()).collect()
}

fn left_in(scratch: &Path) -> usize {
    std::fs::read_dir(scratch).unwrap().count()
}

#[test]
fn a_model_is_sliced_and_printed_exactly_and_its_whole_chain_is_in_the_journal() {
    let lab = lab("");
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let mut all = order(&file, &case);
    all.push("--wait");
    let job = daemon.ask(&all);
    assert_eq!((&job["state"], &job["exact"]), (&"printed".into(), &true.into()), "{job}");
    let chain = &job["chain"];
    assert_eq!(
        (&chain["process"], &chain["slicer_version"]),
        (&"generic-220-pla-draft".into(), &"2.5.0".into())
    );
    assert_eq!(chain["file"], job["file"]);
    assert_eq!(chain["model_size_mm"], serde_json::json!([12.0, 10.0, 2.0]));
    let kept = lab.state().join("files");
    for hash in [&chain["file"], &chain["model"]] {
        assert!(kept.join(hash.as_str().unwrap()).is_file(), "{hash} is not kept");
    }
    let id = job["id"].as_str().unwrap();
    for what in ["print", "model"] {
        let picture = daemon.agent.get(format!("{}{}", daemon.url, job["pictures"][what].as_str().unwrap()));
        let mut picture = picture.call().unwrap();
        assert_eq!(picture.headers()["content-type"], "image/png", "{what}");
        assert!(picture.body_mut().read_to_vec().unwrap().starts_with(b"\x89PNG"), "{what}");
    }
    let shown = daemon.platen(&["jobs", id]).out;
    for wanted in
        [chain["model"].as_str().unwrap(), "generic-220-pla-draft.ini, version 1", "prusa-slicer 2.5.0"]
    {
        assert!(shown.contains(wanted), "{wanted} is not in {shown}");
    }
    let events = daemon.events();
    assert_gapless(&events);
    assert_eq!(kinds(&events, id), ["job_slicing", "job_sliced", "job_queued", "job_started", "job_printed"]);
    let sliced = events.iter().find(|event| event["fact"]["type"] == "job_sliced").unwrap();
    assert_eq!(sliced["fact"]["chain"]["profile"]["hash"], chain["profile_hash"]);
    assert!(!serde_json::to_string(&events).unwrap().contains("Meier"), "a name came with the model");
    assert_eq!(left_in(&lab.state().join("slicing")), 0);
    assert_eq!(daemon.platen(&["audit", "verify"]).code, Some(0));

    // A backup holds all of it, and another daemon made from that knows it again.
    let (copy, state) = (lab.folder.path().join("copy"), lab.state());
    let made = daemon.ask(&["backup", copy.to_str().unwrap()]);
    assert_eq!(
        (&made["files"], &made["absent"]),
        (&2.into(), &serde_json::json!([])),
        "model and file: {made}"
    );
    daemon.terminate();
    std::fs::rename(&state, lab.folder.path().join("lost")).unwrap();
    let told = run(&["restore", copy.to_str().unwrap(), "--into", state.to_str().unwrap(), "--by", "kim"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(lab.serve().job(id)["chain"], *chain);
}

#[test]
fn a_model_that_was_taken_in_is_sliced_and_printed_also_after_kill_9_of_the_daemon() {
    let lab = lab_with(
        "[ -e \"$lab/hung\" ] && exec prusa-slicer \"$@\"\necho $$ > \"$lab/hung.new\"; mv \"$lab/hung.new\" \"$lab/hung\"\n\
         echo '20 => Generating perimeters'; exec sleep 600",
    );
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let job = daemon.ask(&order(&file, &case));
    assert_eq!(job["state"], "slicing", "{job}");
    let id = job["id"].as_str().unwrap().to_owned();
    until("the slicer's progress", || (daemon.job(&id)["slicing"]["percent"] == 20).then_some(()));
    assert_eq!(daemon.job(&id)["slicing"]["doing"], "Generating perimeters");
    let shown = daemon.platen(&["jobs", &id]).out;
    let doing = "  slicing  20 %, Generating perimeters (process generic-220-pla-draft)\n";
    assert!(shown.contains(doing) && !shown.contains("commands"), "{shown}");
    let pid = std::fs::read_to_string(lab.folder.path().join("hung")).unwrap();
    daemon.crash();
    until("the end of the slicer", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
    let daemon = lab.serve();
    let job = daemon.wait_job(&id, "printed");
    assert_eq!(job["exact"], true, "{job}");
    let events = daemon.events();
    assert_gapless(&events);
    assert_eq!(
        kinds(&events, &id),
        ["job_slicing", "job_sliced", "job_queued", "job_started", "job_printed"]
    );
    assert_eq!(left_in(&lab.state().join("slicing")), 0);
}

#[test]
fn a_slicing_is_cancelled_and_its_slicer_is_gone() {
    let lab = lab_with("echo $$ > \"$lab/pid.new\"; mv \"$lab/pid.new\" \"$lab/pid\"; exec sleep 600");
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let job = daemon.ask(&order(&file, &case));
    let id = job["id"].as_str().unwrap().to_owned();
    let pid = until("the slicer", || std::fs::read_to_string(lab.folder.path().join("pid")).ok());
    let told = daemon.ask(&["jobs", "--cancel", &id, "--by", "kim"]);
    assert_eq!(told["state"], "cancelled", "{told}");
    until("the end of the slicer", || (!Path::new(&format!("/proc/{}", pid.trim())).exists()).then_some(()));
    until("its folder gone", || (left_in(&lab.state().join("slicing")) == 0).then_some(()));
    assert_eq!(kinds(&daemon.events(), &id), ["job_slicing", "job_cancelled"]);
}

/// The daemon is well, and prints.
fn goes_on(daemon: &Page, lab: &Lab, case: &str) {
    assert_eq!(daemon.get("/healthz")["status"], "ok");
    let good = lab.file("good.gcode", &gcode(20));
    let job = daemon.ask(&["print", &good, "--case", case, "--part", "1", "--wait"]);
    assert_eq!((&job["state"], &job["exact"]), (&"printed".into(), &true.into()), "{job}");
}

/// The job ends with these words, nothing else becomes of it or is left of its slicing, and the daemon goes on.
fn ends_with_words(daemon: &Page, lab: &Lab, case: &str, job: &str, words: &[&str]) {
    let ended = daemon.wait_job(job, "not_sliced");
    let why = ended["why"].as_str().unwrap();
    assert!(words.iter().all(|words| why.contains(words)), "{words:?} in {why}");
    let events = daemon.events();
    assert_gapless(&events);
    assert_eq!(kinds(&events, job), ["job_slicing", "job_not_sliced"]);
    assert_eq!(left_in(&lab.state().join("slicing")), 0);
    goes_on(daemon, lab, case);
}

/// The same for a slicer that does this when it is to slice.
fn slicer_ends_with_words(does: &str, words: &[&str]) {
    let lab = lab_with(does);
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let mut all = order(&file, &case);
    all.push("--wait");
    let told = daemon.platen(&all);
    assert!(told.code == Some(1) && told.err.contains("ended as not_sliced ("), "{told:?}");
    assert!(words.iter().all(|words| told.err.contains(words)), "{words:?} in {told:?}");
    let jobs = daemon.get("/v1/jobs");
    ends_with_words(&daemon, &lab, &case, jobs[0]["id"].as_str().unwrap(), words);
}

/// Says its process and then nothing more.
const HANGS: &str = "echo $$ > \"$lab/pid.new\"; mv \"$lab/pid.new\" \"$lab/pid\"; echo '20 => Generating perimeters'; exec sleep 600";

fn pid_in(lab: &Lab) -> Pid {
    let pid = until("the slicer", || std::fs::read_to_string(lab.folder.path().join("pid")).ok());
    Pid::from_raw(pid.trim().parse().unwrap())
}

#[test]
fn a_slicer_that_is_killed_from_outside_ends_its_job_with_words_and_the_daemon_goes_on() {
    let lab = lab_with(HANGS);
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let job = daemon.ask(&order(&file, &case))["id"].as_str().unwrap().to_owned();
    kill(pid_in(&lab), Signal::SIGKILL).unwrap();
    let words = ["the slicer was killed from outside (SIGKILL)", "slice again"];
    ends_with_words(&daemon, &lab, &case, &job, &words);
}

#[test]
fn a_slicer_that_hangs_is_stopped_when_its_time_is_up_and_the_daemon_prints_all_the_while() {
    let lab = lab_with(HANGS);
    // Several times what the job beside it takes, and less than the minute that a configuration can say.
    let daemon = lab.serve_here(|config| config.slicing.as_mut().unwrap().wall = Duration::from_secs(20));
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let job = daemon.ask(&order(&file, &case))["id"].as_str().unwrap().to_owned();
    let pid = pid_in(&lab);
    goes_on(&daemon, &lab, &case);
    assert_eq!(daemon.job(&job)["state"], "slicing", "it hangs still");
    daemon.ask(&["printers", "clear", "mk", "--by", "kim"]);
    let words =
        ["the slicer was stopped after 1 min: it hung", "give it more time (`minutes` under [slicing]"];
    ends_with_words(&daemon, &lab, &case, &job, &words);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the slicer is there still");
}

#[test]
fn a_slicer_that_runs_out_of_memory_ends_its_job_with_how_much_it_may_have_and_the_daemon_goes_on() {
    slicer_ends_with_words(
        "echo '  what():  std::bad_alloc' >&2; kill -ABRT $$",
        &["the slicer ran out of memory; it may have 4096 MiB", "`memory_mb` under [slicing]"],
    );
}

#[test]
fn a_slicer_that_fills_the_disk_ends_its_job_with_words_and_the_daemon_goes_on() {
    slicer_ends_with_words(
        "cat /dev/zero > /dev/full",
        &["the slicer filled the disk", "MiB stay free for the journal; free some space"],
    );
}

#[test]
fn a_slicer_that_is_missing_is_told_before_there_is_a_job_and_ends_one_that_waits_for_it() {
    let lab = lab_with(HANGS);
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let job = daemon.ask(&order(&file, &case))["id"].as_str().unwrap().to_owned();
    pid_in(&lab);
    daemon.crash();
    let program = lab.folder.path().join("slicer");
    std::fs::remove_file(&program).unwrap();
    let words = [
        &format!("there is no {} here: install it", program.display()),
        "G-code that was sliced elsewhere is still taken",
    ];
    let daemon = lab.serve();
    ends_with_words(&daemon, &lab, &case, &job, &words);
    let told = daemon.platen(&order(&file, &case));
    assert!(told.code == Some(1) && words.iter().all(|words| told.err.contains(words)), "{told:?}");
    assert_eq!(daemon.get("/v1/jobs?state=slicing"), serde_json::json!([]));
}

#[test]
fn a_slicer_that_says_that_it_is_done_and_leaves_no_file_ends_its_job_with_words_and_the_daemon_goes_on() {
    slicer_ends_with_words("echo '100 => Slicing done'", &["its file is not whole: it is not there"]);
}

#[test]
fn why_a_sliced_file_cannot_be_printed_is_in_journal_and_log_without_a_word_of_its_line() {
    let long = format!("M117 Meier{}", "x".repeat(76));
    let lab = lab_with(&format!("prusa-slicer \"$@\" && sed -i 's/^G28.*/&\\n{long}/' out.gcode"));
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let mut all = order(&file, &case);
    all.push("--wait");
    let told = daemon.platen(&all);
    let words = "`M117` has 86 bytes, a command has at most 80";
    assert!(told.code == Some(1) && told.err.contains(words), "{told:?}");
    let events = serde_json::to_string(&daemon.events()).unwrap();
    assert!(events.contains(words) && !events.contains("Meier"), "{events}");
    let log = daemon.terminate().err;
    assert!(log.contains(words) && !log.contains("Meier"), "{log}");
}

#[test]
fn what_is_found_in_a_sliced_file_is_accepted_by_name_and_in_the_gate_of_its_job() {
    // A command that Marlin does not know.
    let lab = lab_with("prusa-slicer \"$@\" && sed -i 's/^G28.*/&\\nM571 P0/' out.gcode");
    let daemon = lab.serve();
    daemon.wait_printer("mk", "ready");
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let mut all = order(&file, &case);
    all.push("--wait");
    let told = daemon.platen(&all);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("ended as not_sliced (command.unknown: M571"), "{told:?}");
    all.extend(["--accept", "command.unknown", "--by", "kim"]);
    let job = daemon.ask(&all);
    assert_eq!((&job["state"], &job["exact"]), (&"printed".into(), &true.into()), "{job}");
    let gate = &job["gate"];
    assert_eq!(
        (&gate["findings"][0]["code"], &gate["findings"][0]["severity"]),
        (&"command.unknown".into(), &"warning".into()),
        "{job}"
    );
    assert!(
        gate["findings"][0]["line"].as_u64() > Some(1) && gate["findings"].as_array().unwrap().len() == 1,
        "{job}"
    );
    assert_eq!(
        (&gate["accepted"], &gate["by"]),
        (&serde_json::json!(["command.unknown"]), &"kim".into()),
        "{job}"
    );
    let queued = daemon.events().into_iter().find(|event| event["fact"]["type"] == "job_queued").unwrap();
    assert_eq!(queued["fact"]["gate"]["findings"], gate["findings"]);
}

#[test]
fn what_a_printer_allows_is_allowed_in_a_sliced_file_as_in_an_uploaded_one() {
    let lab = lab("");
    let strict = "nozzle = 0.6\nallow_findings = []\n";
    configure(&lab, "", strict);
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let mut all = order(&file, &case);
    all.push("--wait");
    let told = daemon.platen(&all);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("ended as not_sliced (machine.nozzle: "), "{told:?}");
    daemon.terminate();
    configure(&lab, "", &strict.replace("[]", "[\"machine.nozzle\"]"));
    let daemon = lab.serve();
    let job = daemon.ask(&all);
    assert_eq!((&job["state"], &job["exact"]), (&"printed".into(), &true.into()), "{job}");
    assert_eq!(job.get("gate"), None, "as of an uploaded one: {job}");
}

#[test]
fn what_cannot_be_sliced_is_refused_before_there_is_a_job() {
    let lab = lab("");
    let daemon = lab.serve();
    let (case, file) = (daemon.case_for("education"), model(&lab));
    let guide = daemon.case_for("guide");
    let broken = lab.file("broken.stl", "solid a\nfacet\n");
    let refusals: [(&str, &str, &str, &str); 5] = [
        (&file, &guide, "draft", "is not validated for guide, only for education"),
        (&file, &case, "nothing", "there is no process nothing for a generic-220"),
        (&file, &case, "prusa-mk3s-pla-draft", "no printer here is a prusa-mk3s"),
        (&file, &case, "msla-2k-clear-draft", "no printer here is a msla-2k"),
        (&broken, &case, "draft", "this model cannot be used"),
    ];
    for (file, case, process, wanted) in refusals {
        let told = daemon.platen(&["print", file, "--case", case, "--part", "1", "--process", process]);
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.err.contains(wanted), "{wanted}: {told:?}");
    }
    let told = daemon.platen(&["print", &file, "--case", &case, "--part", "1"]);
    assert!(told.code == Some(2) && told.err.contains("with --process NAME"), "{told:?}");
    let mut all = order(&file, &case);
    all.extend(["--accept", "nothing.such", "--by", "kim"]);
    let told = daemon.platen(&all);
    assert!(told.code == Some(1) && told.err.contains("has the code \"nothing.such\""), "{told:?}");
    assert_eq!(daemon.get("/v1/jobs"), serde_json::json!([]));
    daemon.terminate();

    lab.configure("", "");
    let daemon = lab.serve();
    let told = daemon.platen(&order(&file, &case));
    assert!(told.code == Some(1) && told.err.contains("this platen takes no models"), "{told:?}");
}

/// What the journal says of processes, oldest first.
fn processes(daemon: &crate::world::Daemon) -> Vec<String> {
    let extract = daemon.ask(&["report", "audit"]);
    let entries = extract["report"]["body"]["entries"].as_array().unwrap();
    let told = entries.iter().map(|entry| entry["what"].as_str().unwrap().to_owned());
    told.filter(|told| told.starts_with("process ")).collect()
}

#[test]
fn each_content_of_the_catalogue_of_processes_is_in_the_journal_once() {
    let lab = lab("");
    let (folder, shipped) = (lab.folder.path().join("profiles"), "config/slicing");
    std::fs::create_dir(&folder).unwrap();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(shipped)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    lab.configure(&format!("[slicing]\nprofiles = {folder:?}\n"), "model = \"generic-220\"\n");
    let path = folder.join("processes.toml");
    let catalogue = std::fs::read_to_string(&path).unwrap();
    let there = catalogue.matches("[[process]]").count();
    // They are written down while the daemon is up already.
    let until_so_many = |daemon: &crate::world::Daemon, count: usize| {
        let enough = || Some(processes(daemon)).filter(|found| found.len() >= count);
        until("the processes in the journal", enough)
    };
    let daemon = lab.serve();
    let first = until_so_many(&daemon, there);
    let fine = |all: &[String]| {
        let of_it = all.iter().filter(|told| told.starts_with("process generic-220-pla-fine "));
        of_it.cloned().collect::<Vec<_>>()
    };
    assert!(first.len() > 3 && first.iter().all(|told| told.contains(", as version 1: ")), "{first:?}");
    assert!(fine(&first)[0].contains("PLA on generic-220, validated for "), "{first:?}");
    daemon.terminate();
    // Nothing is new, and nothing is written.
    lab.serve().terminate();
    let (before, of_it) = catalogue.split_once("name = \"generic-220-pla-fine\"").unwrap();
    let of_it = of_it.replacen("material = \"PLA\"", "material = \"PLA+\"", 1);
    std::fs::write(&path, format!("{before}name = \"generic-220-pla-fine\"{of_it}")).unwrap();
    let daemon = lab.serve();
    let now = until_so_many(&daemon, there + 1);
    assert_eq!(now.len(), first.len() + 1, "{now:?}");
    assert!(fine(&now)[1].contains(", as version 2: PLA+ on generic-220"), "{now:?}");
    let shown = daemon.ask(&["processes"]);
    let shown = shown.as_array().unwrap();
    assert_eq!(shown.len(), there + 1, "{shown:?}");
    let of_it = shown.iter().filter(|of| of["name"] == "generic-220-pla-fine");
    let told: Vec<_> = of_it.map(|of| (of["version"].as_u64(), of["material"].as_str())).collect();
    assert_eq!(told, [(Some(1), Some("PLA")), (Some(2), Some("PLA+"))]);
    let lines = daemon.platen(&["processes"]).out;
    assert!(lines.contains("PLA+") && lines.contains("VALIDATED FOR"), "{lines}");
    assert_eq!(daemon.platen(&["audit"]).code, Some(0));
}
