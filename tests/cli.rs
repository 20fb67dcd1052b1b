//! The command line against a daemon: what it prints, and its exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use platen::domain::event::Actor;
use platen::domain::ids::PrinterName;
use platen::domain::lab::Request;
use platen::domain::printer::StopProof;
use platen::labels::Scanned;
use std::path::Path;
use std::process::Output;
use support::{GCODE, TestLab, lab, tetrahedron};

async fn platen(url: &str, args: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_platen"));
    command.args(args).env("PLATEN_URL", url);
    // On a blocking thread, so that the daemon on this one can answer.
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn ask(lab: &TestLab, args: &[&str]) -> (i32, String, String) {
    let output = platen(&format!("http://{}", lab.address), args).await;
    told(&output)
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn without_a_daemon_it_says_where_it_asked_and_how_to_start_one() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let (code, _, error) = told(&platen(&url, &["jobs"]).await);
    assert_eq!(code, 1);
    assert_eq!(
        error,
        format!(
            "platen: no platen answers at {url}; start it with `platen serve --config FILE` (to stop printers now: switch them off by hand, or `platen safe-off --config FILE`)\n"
        )
    );
}

#[tokio::test]
async fn a_wrong_use_exits_with_two() {
    for args in [
        &["nonsense"][..],
        &["jobs", "--cancel", "x"],
        &["stop", "--clear", "a"],
        &["print"],
        &["--url", "lab", "jobs"],
    ] {
        let (code, _, error) = told(&platen("http://127.0.0.1:1", args).await);
        assert_eq!(code, 2, "{args:?}: {error}");
    }
}

/// A configuration whose daemon would be this lab, with a port and a broker that are not there.
fn to_doctor(lab: &TestLab, more: &str) -> std::path::PathBuf {
    let (folder, path) = (lab.folder.path(), lab.folder.path().join("doctor.toml"));
    let text = format!(
        "site = \"st-anna\"\nnode = \"lab-1\"\nstate_dir = {folder:?}\n[http]\nlisten = \"{}\"\n{more}\
         [[printer]]\nname = \"mk3-01\"\nport = \"/dev/serial/by-id/not-there\"\nbaud = 115200\n",
        lab.address
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn checks<'j>(told: &'j serde_json::Value, area: &str) -> Vec<(&'j str, &'j str)> {
    let all = told["checks"].as_array().unwrap().iter().filter(|check| check["area"] == area);
    all.map(|check| (check["state"].as_str().unwrap(), check["what"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn doctor_says_in_words_how_this_machine_is_and_fails_only_where_something_is_wrong() {
    let lab = lab().await;
    let path = to_doctor(&lab, "");
    let doctor = ["doctor", "--config", path.to_str().unwrap(), "--json"];
    let (code, shown, error) = ask(&lab, &doctor).await;
    let told: serde_json::Value = serde_json::from_str(&shown).unwrap_or_else(|_| panic!("{shown}{error}"));
    // What else this machine may have against it is its own: each wrong thing is said, and decides the exit code.
    let wrong = told["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "wrong").count();
    assert_eq!((code, told["ok"].as_bool()), (i32::from(wrong > 0), Some(wrong == 0)), "{shown}{error}");
    assert_eq!(checks(&told, "daemon"), [("fine", "it answers, and its journal takes entries")]);
    assert_eq!(checks(&told, "broker")[0].0, "fine");
    let port = checks(&told, "ports");
    assert!(port.len() == 1 && port[0].0 == "warning" && port[0].1.contains("mk3-01"), "{port:?}");
    assert!(checks(&told, "versions")[0].1.contains(env!("CARGO_PKG_VERSION")), "{shown}");
    for area in ["configuration", "disk", "clock", "programs", "network", "slicer", "store", "units"] {
        assert!(!checks(&told, area).is_empty(), "{area} in {shown}");
    }
    for check in told["checks"].as_array().unwrap() {
        assert!(check["state"] != "wrong" || check["help"].is_string(), "what to do? {check}");
    }
    let (_, words, _) = ask(&lab, &doctor[..3]).await;
    assert!(words.contains("fine     daemon") && words.contains("→"), "{words}");
}

#[tokio::test]
async fn doctor_finds_a_broker_that_is_away_a_journal_that_fails_and_a_configuration_with_mistakes() {
    let lab = lab().await;
    lab.store.set_full(true);
    let path = to_doctor(&lab, "[mqtt]\nurl = \"mqtt://127.0.0.1:1\"\n");
    let (code, shown, error) = ask(&lab, &["doctor", "--config", path.to_str().unwrap(), "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert!(code == 1 && error.contains("wrong"), "{error}");
    for area in ["broker", "daemon"] {
        assert_eq!(checks(&told, area)[0].0, "wrong", "{shown}");
    }
    assert!(checks(&told, "broker")[0].1.contains("127.0.0.1:1"), "{shown}");
    std::fs::write(&path, "site = \"lab\"\nnod = \"x\"\n").unwrap();
    let (code, shown, _) = ask(&lab, &["doctor", "--config", path.to_str().unwrap()]).await;
    assert!(
        code == 1 && shown.contains("wrong    configuration") && shown.contains("did you mean node"),
        "{shown}"
    );
    let (code, shown, _) = ask(&lab, &["doctor", "--config", "/none/platen.toml"]).await;
    assert!(code == 1 && shown.contains("/none/platen.toml"), "{shown}");
}

#[tokio::test]
async fn a_case_a_part_and_a_job_are_made_and_shown() {
    let lab = lab().await;
    let (code, token, error) = ask(&lab, &["cases", "new", "--intended-use", "guide"]).await;
    assert_eq!(code, 0, "{error}");
    let token = token.trim();
    let (_, part, _) = ask(&lab, &["cases", "add-part", token, "left hand"]).await;
    assert_eq!(part.trim(), format!("part 1 of case {token}: left hand"));
    let file = lab.folder.path().join("cube.gcode");
    std::fs::write(&file, GCODE).unwrap();
    let file = file.to_str().unwrap();
    let (code, job, error) = ask(&lab, &["print", file, "--case", token, "--part", "1", "--json"]).await;
    assert_eq!(code, 0, "{error}");
    let job: serde_json::Value = serde_json::from_str(&job).unwrap();
    let id = job["id"].as_str().unwrap();
    let (_, shown, _) = ask(&lab, &["jobs", id]).await;
    assert!(shown.contains(&format!("job {id}: queued")) && shown.contains("away: it is offline"), "{shown}");
    let (_, shown, _) = ask(&lab, &["cases", token]).await;
    assert!(shown.contains("part 1 left hand") && shown.contains(id), "{shown}");
    let (code, shown, _) = ask(&lab, &["jobs", "--cancel", id, "--by", "kim"]).await;
    assert!(code == 0 && shown.contains("cancelled by kim"), "{shown}");
    let (code, _, error) = ask(&lab, &["print", file, "--case", token, "--part", "2"]).await;
    assert_eq!(code, 1);
    assert_eq!(
        error,
        format!("platen: case {token} has no part 2; `platen cases {token}` lists its parts\n")
    );
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_it_is_sent() {
    let lab = lab().await;
    let case = lab.case().await;
    let file = lab.folder.path().join("big.gcode");
    std::fs::write(&file, b"G1 X1\n".repeat(400_000)).unwrap();
    let (code, _, error) =
        ask(&lab, &["print", file.to_str().unwrap(), "--case", case.as_str(), "--part", "1"]).await;
    assert_eq!(code, 1);
    assert!(
        error.contains("the file is larger than 1 MB; split the print, or raise upload_max_mb"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stop_that_was_confirmed_is_told_as_confirmed_on_a_full_disk_too() {
    let lab = lab().await;
    lab.store.set_full(true);
    let printer: PrinterName = "mk3-01".parse().unwrap();
    let confirming = async {
        while lab.recorder.printer(&printer).latch.is_none() {
            tokio::task::yield_now().await;
        }
        let proof = StopProof::KillLine;
        let confirmed = Request::NoteStopVerified { printer: printer.clone(), proof };
        lab.recorder.submit(confirmed, Actor::Printer(printer.clone())).await.unwrap_err();
    };
    let ((code, said, error), ()) = tokio::join!(ask(&lab, &["stop", "mk3-01", "--by", "kim"]), confirming);
    assert_eq!(code, 0, "{said} {error}");
    assert!(said.contains("mk3-01: stopped by kim; the board confirmed it"), "{said}");
}

#[tokio::test]
async fn what_became_of_an_earlier_stop_is_not_told_of_this_one() {
    let lab = lab().await;
    let printer: PrinterName = "mk3-01".parse().unwrap();
    let note = |request: Request| lab.recorder.submit(request, Actor::Printer(printer.clone()));
    note(Request::NoteStopped { printer: printer.clone(), by: "kim".into() }).await.unwrap();
    note(Request::NoteStopVerified { printer: printer.clone(), proof: StopProof::KillLine }).await.unwrap();
    // Nothing is heard of its board now.
    for json in [false, true] {
        let json = if json { vec!["--json"] } else { Vec::new() };
        let (code, said, error) = ask(&lab, &[vec!["stop", "mk3-01", "--by", "eve"], json].concat()).await;
        assert_eq!(code, 1, "{said} {error}");
        assert!(!said.contains("the board confirmed it"), "{said}");
        assert!(error.contains("mk3-01 did not confirm the stop"), "{error}");
    }
}

#[tokio::test]
async fn printers_are_listed_stopped_and_cleared() {
    let lab = lab().await;
    let (_, list, _) = ask(&lab, &["printers"]).await;
    assert!(list.starts_with("PRINTER") && list.contains("mk3-01") && list.contains("offline"), "{list}");
    let (code, said, error) = ask(&lab, &["stop", "--by", "kim"]).await;
    assert_eq!(code, 1, "a printer that could not be told is a failure");
    assert!(said.contains("mk3-01: stop sent") && said.contains("away: NOT sent"), "{said}");
    assert!(error.contains("switch off by hand"), "{error}");
    let (code, said, _) = ask(&lab, &["stop", "--clear", "mk3-01", "--by", "kim"]).await;
    assert!(code == 0 && said.contains("mk3-01: it is ready") && !said.contains("locked"), "{said}");
    let (code, _, error) = ask(&lab, &["printers", "clear", "mk3-01", "--by", "kim"]).await;
    assert_eq!(
        (code, error.as_str()),
        (1, "platen: the bed of mk3-01 is clear already; there is nothing to do\n")
    );
    let (code, _, error) = ask(&lab, &["printers", "nobody"]).await;
    assert_eq!(
        (code, error.as_str()),
        (1, "platen: there is no printer nobody; known printers: mk3-01, mk3-02, away\n")
    );
}

/// What a scanner types, line by line.
async fn scan(lab: &TestLab, args: &[&str], typed: impl AsRef<[u8]>) -> (i32, String, String) {
    use std::io::Write;
    use std::process::Stdio;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_platen"));
    command.args(["loads", "scan"]).args(args).env("PLATEN_URL", format!("http://{}", lab.address));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let typed = typed.as_ref().to_vec();
    let run = move || {
        let mut child = command.spawn().unwrap();
        // Where it ends before it reads anything, nobody is there any more.
        let _ = child.stdin.take().unwrap().write_all(&typed);
        child.wait_with_output().unwrap()
    };
    told(&tokio::task::spawn_blocking(run).await.unwrap())
}

#[tokio::test]
async fn lots_are_loaded_with_a_scanner_and_each_scan_is_answered_with_a_clear_word() {
    let lab = lab().await;
    let receive = async |material: &str| {
        let (code, id, error) = ask(
            &lab,
            &[
                "lots",
                "receive",
                "--material",
                material,
                "--supplier-lot",
                "L-2231",
                "--received",
                "2026-11-02",
                "--expires",
                "2099-06-30",
                "--grams",
                "1000",
                "--by",
                "sam",
            ],
        )
        .await;
        assert_eq!((code, error.as_str()), (0, ""));
        id.trim().to_owned()
    };
    let (pla, petg) = (receive("PLA").await, receive("PETG").await);
    let of_lot = |id: &str| Scanned::Lot(id.parse().unwrap()).code();
    let of_printer = |name: &str| Scanned::Printer(name.parse().unwrap()).code();
    let part = Scanned::Part("000000000000q-1-1".parse().unwrap()).code();

    // A lot where a printer is wanted, a part where a lot is, a slot that is taken, and then right.
    let typed = format!(
        "{lot}\n{printer}\n{part}\n{printer}\n{lot}\r\n{printer}\n{other}\n1\n{other}\n",
        lot = of_lot(&pla),
        printer = of_printer("mk3-01"),
        other = of_lot(&petg)
    );
    let (code, told, error) = scan(&lab, &["--by", "oli"], &typed).await;
    assert_eq!(code, 0, "{told}{error}");
    let wanted = [
        "printer mk3-01: nothing is loaded; scan the lot".to_owned(),
        format!("lot {pla} (PLA, L-2231) is on mk3-01 now, in slot 0"),
        "  not now  it is in quarantine: look at its certificate and release it".into(),
        format!("printer mk3-01: slot 0 has lot {pla} (PLA); scan the lot"),
        "slot 1 of mk3-01: scan the lot".into(),
        format!("lot {petg} (PETG, L-2231) is on mk3-01 now, in slot 1"),
        "  not now  it is in quarantine: look at its certificate and release it".into(),
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), wanted);
    let wanted = [
        format!("platen: this is the label of lot {pla}, and a printer's is wanted; scan the label on the printer, or type its name"),
        "platen: this is the label of printed part 000000000000q-1-1, and a lot's is wanted; scan the label on the container, or type the id that stands on it".into(),
        "platen: this is the label of printer mk3-01, and a lot's is wanted; scan the label on the container, or type the id that stands on it".into(),
        format!("platen: printer mk3-01 has lot {pla} in slot 0; unload that first (`platen loads unload mk3-01 --slot 0`)"),
    ];
    assert_eq!(error.lines().collect::<Vec<_>>(), wanted);

    // What is begun and not ended is told, an empty line begins anew, and typed words do as well as scanned ones.
    let (code, told, error) = scan(&lab, &["--by", "oli"], "mk3-02\n\nmk3-02\n").await;
    assert_eq!((code, told.matches("scan the lot").count()), (1, 2), "{told}");
    assert!(told.contains("nothing is noted for slot 0 of mk3-02: scan a printer"), "{told}");
    assert!(error.ends_with("scan the printer again, then the lot\n"), "{error}");
    let (code, told, error) =
        scan(&lab, &["--json", "--slot", "2", "--by", "oli"], &format!("mk3-02\n{petg}\n")).await;
    let noted: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, error.as_str()), (0, ""));
    assert_eq!(
        (noted[0]["lot"].as_str(), noted[0]["slot"].as_u64()),
        (Some(petg.as_str()), Some(2)),
        "{noted}"
    );

    // A byte that is no text ends nothing; after a refusal by which nothing is noted, the exit code says so.
    let smudged = [&b"mk3-02\n\xFF\n"[..], petg.as_bytes(), b"\n"].concat();
    let (code, told, error) = scan(&lab, &["--by", "oli"], smudged).await;
    assert!(code == 0 && told.contains("is on mk3-02 now, in slot 0"), "{told}{error}");
    assert!(error.contains("what was scanned is no text (UTF-8); scan it again"), "{error}");
    let (code, _, error) = scan(&lab, &["--by", "oli"], of_lot(&pla)).await;
    assert!(code == 1 && error.contains("the last scan was refused, and nothing was noted"), "{error}");

    // One command with both; and what is wrong with who asks ends it.
    let (code, told, _) = scan(&lab, &[&of_printer("away"), &of_lot(&pla), "--by", "oli"], "").await;
    assert!(code == 0 && told.contains(&pla), "{told}");
    let (code, _, error) = scan(&lab, &[&of_printer("away"), &of_printer("away"), "--by", "oli"], "").await;
    assert!(code == 1 && error.contains("the label of printer away, and a lot's is wanted"), "{error}");
    assert_eq!(
        scan(&lab, &[&of_printer("away"), "--by", "oli"], "").await.0,
        2,
        "a printer alone is half a load"
    );
    let (code, _, error) = scan(&lab, &[], "mk3-02\n").await;
    assert!(code != 0 && error.contains("who says so"), "{error}");

    // A label is written as a file, and what a scanner reads from it shows the thing.
    let file = lab.folder.path().join("label.svg");
    for (noun, of) in [("lots", pla.as_str()), ("printers", "mk3-01")] {
        let into = file.to_str().unwrap();
        let (code, told, error) = ask(&lab, &[noun, "label", of, "--format", "svg", "-o", into]).await;
        assert_eq!((code, told.trim()), (0, into), "{error}");
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("<svg"));
        std::fs::remove_file(&file).unwrap();
    }
    let (code, told, _) = ask(&lab, &["lots", &of_lot(&pla)]).await;
    assert!(code == 0 && told.starts_with(&format!("lot {pla}: ")), "{told}");
}

#[tokio::test]
async fn a_refusal_names_the_command_to_use_and_no_path_of_http() {
    let lab = lab().await;
    let case = lab.case().await;
    let job = lab.job(&case, Some("away")).await;
    let by = ["--by", "kim"];
    for (args, help) in [
        (vec!["jobs", "--pause", job.as_str(), by[0], by[1]], "start it, or cancel it"),
        (vec!["jobs", "0000000000000000"], "`platen jobs`"),
        (vec!["jobs", "A B"], "`platen jobs`"),
        (vec!["cases", "short"], "`platen cases`"),
        (vec!["stop", "A B"], "`platen printers`"),
        (vec!["printers", "A B"], "`platen printers`"),
    ] {
        let (code, _, error) = ask(&lab, &args).await;
        assert_eq!(code, 1, "{args:?}: {error}");
        assert!(error.contains(help) && !error.contains("/v1"), "{args:?}: {error}");
    }
    for (args, why) in [
        (vec!["cases", ""], "the name that was given is empty"),
        (vec!["jobs", "--start", "", by[0], by[1]], "the name that was given is empty"),
        (vec!["jobs", job.as_str(), by[0], by[1]], "nothing is to be changed"),
        (vec!["site-rules", "--set", "--lots"], "who says so"),
        (vec!["inspect", "instrument", "rule-1", "--what", "a rule", "--due", "2099-06-30"], "who says so"),
        (vec!["printers", "clear", "mk3-01"], "who says so"),
    ] {
        let (code, _, error) = ask(&lab, &args).await;
        assert!(code == 2 && error.contains(why), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn an_audit_exits_with_one_when_the_journal_is_not_whole() {
    let lab = lab().await;
    lab.case().await;
    let (code, said, _) = ask(&lab, &["audit"]).await;
    assert!(code == 0 && said.starts_with("intact: 4 entries, head "), "{said}");
    lab.store.damage_event(2, 80);
    let (code, _, error) = ask(&lab, &["audit"]).await;
    assert!(code == 1 && error.starts_with("platen: the journal is NOT intact: journal entry 2"), "{error}");
}

async fn check(folder: &Path, text: &str) -> (i32, String, String) {
    let file = folder.join("platen.toml");
    std::fs::write(&file, text).unwrap();
    told(&platen("http://127.0.0.1:1", &["check", "--config", file.to_str().unwrap()]).await)
}

#[tokio::test]
async fn a_configuration_is_checked_against_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let good = format!(
        "site = \"a\"\nnode = \"b\"\nstate_dir = {state:?}\n[[printer]]\nname = \"x\"\nport = \"/dev/null\"\nbaud = 115200\n"
    );
    let (code, said, error) = check(folder.path(), &good).await;
    assert!(code == 0 && said.starts_with("ok: 1 printer in ") && error.is_empty(), "{said} {error}");
    assert!(said.contains("\nx: the gate is not told build_x, build_y, build_height, nozzle,"), "{said}");
    assert!(said.contains("\ndays and shifts: by the clock of UTC, which shows 20"), "{said}");
    let (code, said, _) = check(folder.path(), &format!("zone = \"Europe/Berlin\"\n{good}")).await;
    assert!(code == 0 && said.contains("by the clock of Europe/Berlin, which shows 20"), "{said}");
    let (code, _, error) = check(folder.path(), &format!("zone = \"Europe/Berlim\"\n{good}")).await;
    assert!(
        code != 0 && error.contains("zone = \"Europe/Berlim\": there is no zone of this name"),
        "{error}"
    );
    assert!(error.contains("did you mean \"Europe/Berlin\"?"), "{error}");
    let told = format!("{good}build_x = [0, 200]\nallow_findings = [\"heat.none\"]\n");
    let (code, said, _) = check(folder.path(), &told).await;
    assert!(code == 0 && said.contains("\nx: the gate is not told build_y, "), "{said}");
    assert!(said.trim_end().ends_with("; there it minds no heat.none"), "{said}");
    let (code, _, error) = check(folder.path(), &told.replace("heat.none", "heat.nome")).await;
    assert!(code == 1 && error.contains("did you mean \"heat.none\"?"), "{error}");
    let unplugged = good.replace("/dev/null", "/dev/serial/by-id/none");
    let (code, _, error) = check(folder.path(), &unplugged).await;
    assert!(code == 0 && error.starts_with("warning: the port of x is not there now"), "{error}");
    let twice = format!("{good}[[printer]]\nname = \"y\"\nport = \"/dev/../dev/null\"\nbaud = 1\n");
    let (code, _, error) = check(folder.path(), &twice).await;
    assert!(code == 1 && error.contains("no firmware uses this line speed"), "{error}");
    let twice = twice.replace("baud = 1\n", "baud = 250000\n");
    let (code, _, error) = check(folder.path(), &twice).await;
    assert!(code == 1 && error.contains("y and x have the same port under two names"), "{error}");
    let nowhere = good.replace(state.to_str().unwrap(), "/proc/platen");
    let (code, _, error) = check(folder.path(), &nowhere).await;
    assert!(code == 1 && error.contains("cannot be written"), "{error}");
}

async fn model(folder: &Path, text: &str, args: &[&str]) -> (i32, String, String) {
    let file = folder.join("part.stl");
    std::fs::write(&file, text).unwrap();
    told(&platen("http://127.0.0.1:1", &[&["model", file.to_str().unwrap()], args].concat()).await)
}

#[tokio::test]
async fn a_model_is_told_in_words_and_as_json_without_a_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said, error) = model(folder.path(), &tetrahedron(10.0), &[]).await;
    assert!(code == 0 && error.is_empty(), "{said} {error}");
    for row in [
        "format     ASCII STL, ",
        "units      mm (assumed: this format has no units)",
        "size       80.0 × 60.0 × 100.0 mm",
        "mesh       1 object, 4 triangles",
        "surface    closed",
        "volume     80.000 cm³",
        "scale      1.0000 in the file, 1 declared",
        "mirrored   no in the file, no declared",
    ] {
        assert!(said.lines().any(|line| line.starts_with(row)), "{row}: {said}");
    }
    let (code, said, _) =
        model(folder.path(), &tetrahedron(10.0 / 25.4), &["--units", "inch", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &told["ok"], &told["model"]["unit_from"]), (0, &true.into(), &"told".into()));
    assert!((told["model"]["size"][2].as_f64().unwrap() - 100.0).abs() < 1e-3, "{said}");
}

#[tokio::test]
async fn what_slicing_needs_is_checked_with_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let slicer = folder.path().join("slicer");
    std::fs::write(&slicer, "#!/bin/sh\necho 'PrusaSlicer-2.9.9+linux based on Slic3r'\n").unwrap();
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&slicer, runs).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/slicing");
    let config = |profiles: &Path, program: &Path| {
        let state = folder.path().join("state");
        format!(
            "site = \"a\"\nnode = \"b\"\nstate_dir = {state:?}\n[slicing]\nprofiles = {profiles:?}\nprogram = {program:?}\n\
             [[printer]]\nname = \"x\"\nport = \"/dev/null\"\nbaud = 115200\nmodel = \"generic-220\"\n"
        )
    };
    let (code, _, error) = check(folder.path(), &config(&shipped, &slicer)).await;
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("and no printer here says that it is one"), "nobody is an MK3S: {error}");
    assert!(!error.contains("for a generic-220"), "{error}");
    assert!(error.contains("2.9.9"), "another version than was validated: {error}");
    let (code, _, error) = check(folder.path(), &config(&shipped, &folder.path().join("none"))).await;
    assert!(code == 0 && error.contains("warning: [slicing]: there is no"), "{error}");
    let (code, _, error) = check(folder.path(), &config(Path::new("/nowhere"), &slicer)).await;
    assert!(code == 1 && error.contains("mistake: [slicing]: /nowhere/processes.toml"), "{error}");
    let changed = folder.path().join("changed");
    std::fs::create_dir(&changed).unwrap();
    for entry in std::fs::read_dir(&shipped).unwrap() {
        let entry = entry.unwrap();
        let mut text = std::fs::read_to_string(entry.path()).unwrap();
        if entry.file_name() == "generic-220-pla-fine.ini" {
            text.push_str("\nfirst_layer_temperature = 299\n");
        }
        std::fs::write(changed.join(entry.file_name()), text).unwrap();
    }
    let (code, _, error) = check(folder.path(), &config(&changed, &slicer)).await;
    assert!(
        code == 1 && error.contains("mistake: [slicing]: ") && error.contains("generic-220-pla-fine"),
        "{error}"
    );
}

#[tokio::test]
async fn what_no_one_found_is_not_accepted_by_preflight_and_what_is_no_g_code_is_not_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.gcode");
    std::fs::write(&file, "G21\nG90\nM83\nG28\nM104 S200\nG1 X10 Y10 Z.2 E1 F600\nM104 S0\n").unwrap();
    let path = file.to_str().unwrap();
    let preflight = async |more: &[&str]| {
        let mut all = vec!["preflight", path];
        all.extend(more);
        told(&platen("http://127.0.0.1:1", &all).await)
    };
    let (code, said, error) = preflight(&[]).await;
    assert!(code == 1 && said.contains("warning heat.not_waited"), "{said}");
    assert!(error.contains("--accept heat.not_waited") && error.contains("--by NAME"), "{error}");
    assert_eq!(preflight(&["--accept", "heat.not_waited"]).await.0, 0);
    let (code, _, error) = preflight(&["--accept", "heat.not_waited", "--accept", "mode.shifted"]).await;
    assert!(code == 2 && error.contains("no warning about this file has the code mode.shifted"), "{error}");
    for (begin, word) in
        [(&b"GCDE\x01\0\0\0"[..], "binary G-code"), (b"PK\x03\x04\x14\0\0\0", "a zip archive")]
    {
        std::fs::write(&file, begin).unwrap();
        let out = folder.path().join("a.png");
        let args = ["preview", path, "--layer", "1", "-o", out.to_str().unwrap()];
        let (code, _, error) = told(&platen("http://127.0.0.1:1", &args).await);
        assert!(code == 1 && error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn a_resin_file_is_looked_into_and_held_against_a_printer_without_a_daemon() {
    use ::resin::file::Mask;
    use ::resin::sample::Settings;

    let folder = tempfile::tempdir().unwrap();
    let (file, config) = (folder.path().join("a.sl1"), folder.path().join("platen.toml"));
    let lit = || Mask::dark(48, 32).with_box([8.0, 8.0], [40.0, 24.0]);
    let masks = [lit(), lit(), Mask::dark(48, 32), lit()];
    std::fs::write(&file, Settings::default().sl1(&masks)).unwrap();
    let text = |more: &str| {
        format!(
            "site = \"a\"\nnode = \"b\"\n[[printer]]\nname = \"r\"\nport = \"/dev/r\"\nbaud = 115200\n{more}"
        )
    };
    std::fs::write(&config, text(support::MSLA)).unwrap();
    let (path, of) = (file.to_str().unwrap(), config.to_str().unwrap());
    let run = async |args: &[&str]| told(&platen("http://127.0.0.1:1", args).await);
    let (code, said, error) = run(&["inspect", path]).await;
    assert_eq!((code, error.as_str()), (0, ""));
    for wanted in ["SL1: 4 layers of 0.05 mm, 0.2 mm high", "masks of 48 × 32 points", "warning resin.blank"]
    {
        assert!(said.contains(wanted), "{said}");
    }
    let (code, said, _) = run(&["inspect", path, "--config", of, "--printer", "r"]).await;
    assert!(code == 0 && said.contains("takes 0 h 01 min"), "{said}");
    let (code, said, _) = run(&["preflight", path, "--config", of, "--printer", "r"]).await;
    assert!(code == 1 && said.contains("warning resin.blank"), "{said}");
    let accept = ["preflight", path, "--config", of, "--printer", "r", "--accept", "resin.blank"];
    assert_eq!(run(&accept).await.0, 0);
    let (code, said, _) = run(&["--json", "preflight", path]).await;
    let told: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &told["resin"]["layers"], &told["ok"]), (1, &4.into(), &false.into()), "{said}");
    std::fs::write(&config, text("")).unwrap();
    let (code, said, _) = run(&["preflight", path, "--config", of, "--printer", "r"]).await;
    assert!(code == 1 && said.contains("error machine.kind"), "{said}");
    let out = folder.path().join("a.png");
    for layer in [&["--layer", "4"][..], &[]] {
        let args = [&["preview", path, "-o", out.to_str().unwrap()][..], layer].concat();
        assert_eq!(run(&args).await.0, 0);
        assert!(std::fs::read(&out).unwrap().starts_with(b"\x89PNG"));
    }
    let (code, _, error) = run(&["inspect"]).await;
    assert!(code == 2 && error.contains("name a resin file"), "{error}");
    std::fs::write(&file, "G28\n").unwrap();
    let (code, _, error) = run(&["inspect", path]).await;
    assert!(code == 1 && error.contains("is no resin file"), "{error}");
}

#[tokio::test]
async fn a_model_that_is_not_as_declared_exits_with_one_and_a_warning_can_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let inches = tetrahedron(10.0 / 25.4);
    let (code, said, error) = model(folder.path(), &inches, &["--expected", "60x80x100"]).await;
    assert_eq!((code, error.as_str()), (1, "platen: 1 finding speaks against this model\n"));
    assert!(said.contains("error size.unit: ") && said.contains("inches taken for millimetres"), "{said}");
    let (code, said, _) =
        model(folder.path(), &inches, &["--accept", "size.unit", "--expected", "60x80x100"]).await;
    assert_eq!(code, 1, "an error is not accepted: {said}");
    let (code, said, _) = model(folder.path(), &inches, &[]).await;
    assert!(code == 1 && said.contains("warning size.small: "), "{said}");
    let (code, _, error) = model(folder.path(), &inches, &["--accept", "size.small"]).await;
    assert_eq!(code, 0, "{error}");
    let (code, said, _) = model(folder.path(), &tetrahedron(10.0), &["--mirrored", "--scale", "0.5"]).await;
    assert!(code == 1 && said.contains("mirror.unseen") && said.contains("scale.unseen"), "{said}");
}

#[tokio::test]
async fn a_model_that_cannot_be_read_says_why_and_wrong_words_exit_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let whole = tetrahedron(10.0);
    let (code, said, error) = model(folder.path(), &whole[..whole.len() * 9 / 10], &[]).await;
    assert!(code == 1 && said.is_empty(), "{said}");
    assert!(error.starts_with("platen: this model cannot be used: ") && error.contains("; "), "{error}");
    for args in [["--units", "ell"], ["--scale", "0"], ["--expected", "80x60"]] {
        assert_eq!(model(folder.path(), &whole, &args).await.0, 2, "{args:?}");
    }
    let here = folder.path().to_str().unwrap();
    let (code, _, error) = told(&platen("http://127.0.0.1:1", &["model", here]).await);
    assert!(code == 1 && error.contains("is no file; name a model"), "{error}");
}

#[tokio::test]
async fn a_print_and_its_layers_are_drawn_without_a_daemon_and_what_cannot_be_drawn_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("box.gcode");
    let packed = std::fs::File::open("tests/gate/honest/prusa-plain.gcode.gz").unwrap();
    let mut into = std::fs::File::create(&file).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(packed), &mut into).unwrap();
    let file = file.to_str().unwrap();
    let preview = async |more: &[&str], out: &str| {
        let out = folder.path().join(out);
        let args = [&["preview", file, "-o", out.to_str().unwrap()], more].concat();
        let (code, _, error) = told(&platen("http://127.0.0.1:1", &args).await);
        (code, error, std::fs::read(out).unwrap_or_default())
    };
    for (more, out) in [(&["--layer", "3"][..], "layer.png"), (&[], "sides.png")] {
        let (code, error, picture) = preview(more, out).await;
        assert_eq!((code, error.as_str()), (0, ""));
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 1_000, "{out}: {}", picture.len());
    }
    let (_, _, drawing) = preview(&["--layer", "3"], "layer.svg").await;
    assert!(String::from_utf8(drawing).unwrap().contains("<title>Layer 3 of 30 at 0.60 mm</title>"));
    let model = folder.path().join("body.stl");
    std::fs::write(&model, tetrahedron(10.0)).unwrap();
    let (from, to) = (model.to_str().unwrap(), folder.path().join("model.png"));
    let drawn = platen("http://127.0.0.1:1", &["preview", from, "-o", to.to_str().unwrap()]).await;
    assert_eq!(told(&drawn), (0, String::new(), String::new()));
    assert!(std::fs::read(&to).unwrap().starts_with(b"\x89PNG"));
    let args = ["preview", from, "--layer", "1", "-o", to.to_str().unwrap()];
    let (code, _, error) = told(&platen("http://127.0.0.1:1", &args).await);
    assert!(code == 2 && error.contains("a model has no layers"), "{error}");
    for (more, out, code, words) in [
        (&["--layer", "31"][..], "x.png", 1, "there is no layer 31; the file has layers 1 to 30"),
        (&["--thumbnail"], "x.png", 1, "the file holds no picture in PNG"),
        (&[], "x.svg", 2, "name a .png, or a .svg for a layer"),
        (&["--size", "9"], "x.png", 2, "a picture has from 16 to 4096 pixels"),
        (&[], "no/such/folder.png", 1, "cannot be written"),
    ] {
        let (was, error, picture) = preview(more, out).await;
        assert!(was == code && error.contains(words) && picture.is_empty(), "{out} {more:?}: {was} {error}");
    }
}

#[tokio::test]
async fn a_vat_is_tended_and_a_checklist_done_on_the_command_line() {
    use platen::domain::resin;
    use platen::domain::resin::outfit::{Item, Outfit};
    use platen::domain::units::Microlitres;
    let lab = support::lab_with(&["msla-01"]).await;
    let printer: PrinterName = "msla-01".parse().unwrap();
    let outfit = Outfit {
        holds: Microlitres(200_000),
        keeps: Microlitres(20_000),
        resin_days: None,
        display_life_h: Some(2_000),
        film_life_layers: None,
        warn_at_percent: 90,
        worn_bars: false,
        checklist: [Item::Film, Item::Cover].into(),
        alone: false,
    };
    let fit = resin::Request::Fit { printer, outfit: Some(Box::new(outfit)) };
    lab.recorder.submit(Request::Resin(Box::new(fit)), Actor::Platen).await.unwrap();
    let receive =
        ["lots", "receive", "--material", "clear resin", "--supplier-lot", "L-1", "--received", "2026-01-01"];
    let more = ["--expires", "2099-01-01", "--grams", "1000", "--by", "sam", "--json"];
    let (code, lot, error) = ask(&lab, &[&receive[..], &more[..]].concat()).await;
    assert_eq!(code, 0, "{error}");
    let lot: serde_json::Value = serde_json::from_str(&lot).unwrap();
    let lot = lot["id"].as_str().unwrap();
    let (_, shown, _) = ask(&lab, &["printers", "resin", "msla-01"]).await;
    assert!(shown.contains("the vat holds 200 ml, and 20 ml stay in it"), "{shown}");
    assert!(shown.contains("vat      is empty") && shown.contains("film     0 layers"), "{shown}");
    let (code, shown, error) =
        ask(&lab, &["vat", "fill", "msla-01", lot, "--ml", "150", "--by", "kim"]).await;
    assert_eq!(code, 0, "{error}");
    assert!(shown.contains("clear resin, 150.0 ml left, of which a print may take 130.0"), "{shown}");
    assert!(shown.contains("cover: cover closed"), "{shown}");
    for args in [
        &["vat", "top-up", "msla-01", lot, "--ml", "20"][..],
        &["vat", "measure", "msla-01", "--ml", "160"],
        &["vat", "stir", "msla-01"],
        &["vat", "filter", "msla-01"],
    ] {
        let (code, _, error) = ask(&lab, &[args, &["--by", "kim"]].concat()).await;
        assert_eq!(code, 0, "{args:?}: {error}");
    }
    let (code, _, error) = ask(&lab, &["checklist", "msla-01", "--item", "film", "--by", "kim"]).await;
    assert_eq!(code, 1);
    assert!(error.contains("lacks cover closed"), "{error}");
    let (code, _, error) = ask(&lab, &["checklist", "msla-01", "--item", "lamp", "--by", "kim"]).await;
    assert!(code == 2 && error.contains("film, vat, stirred, plate, cover"), "{error}");
    let (code, now, error) = ask(&lab, &["checklist", "msla-01", "--all-ok", "--by", "kim", "--json"]).await;
    assert_eq!(code, 0, "{error}");
    let now: serde_json::Value = serde_json::from_str(&now).unwrap();
    assert_eq!(
        (&now["checklist"]["holds"], &now["vat"]["contents"]["left_ml"]),
        (&true.into(), &160.0.into())
    );
    let (code, _, error) = ask(&lab, &["printers", "film-replaced", "msla-01", "--by", "kim"]).await;
    assert!(code == 1 && error.contains("empty the vat first"), "{error}");
    for args in [
        &["vat", "empty", "msla-01", "--resin", "bottled"][..],
        &["printers", "film-replaced", "msla-01"],
        &["printers", "display-replaced", "msla-01", "--hours", "120"],
    ] {
        let (code, _, error) = ask(&lab, &[args, &["--by", "kim"]].concat()).await;
        assert_eq!(code, 0, "{args:?}: {error}");
    }
    let (_, shown, _) = ask(&lab, &["vat", "show", "msla-01"]).await;
    assert!(shown.contains("display  good: 120 of 2000 hours of light"), "{shown}");
}
