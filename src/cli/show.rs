//! How facts look on a terminal: a JSON document, or a plain table.

use serde::Serialize;
use std::io::{self, Write};

use super::Failed;
use crate::api::shapes::{JobView, PrinterView, ReadingView, ResumeFileView, TemperaturesView};

/// Writes to standard output; a reader that went away (`| head`) is no error.
pub fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

pub fn json(facts: &impl Serialize) -> Result<(), Failed> {
    let text = serde_json::to_string_pretty(facts)
        .map_err(|error| Failed::Finding(format!("the facts cannot be written as JSON: {error}")))?;
    line(&text);
    Ok(())
}

/// A table with columns as wide as they need to be.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let text: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(text.join("  ").trim_end());
    };
    print(&mut head.iter().copied());
    for row in rows {
        print(&mut row.iter().map(|cell| plain(cell)).collect::<Vec<_>>().iter().map(String::as_str));
    }
}

/// Text of others without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

pub fn jobs(jobs: &[JobView]) {
    if jobs.is_empty() {
        return line("no jobs; `platen print FILE --case TOKEN --part NUMBER` queues one");
    }
    let rows: Vec<_> = jobs
        .iter()
        .map(|job| {
            let printer = job.printer.clone().or_else(|| job.pinned.clone()).unwrap_or_else(|| "any".into());
            vec![
                job.id.clone(),
                state(job),
                printer,
                job.case.clone(),
                format!("{} {}", job.part.number, job.part.name),
            ]
        })
        .collect();
    table(&["JOB", "STATE", "PRINTER", "CASE", "PART"], &rows);
}

fn state(job: &JobView) -> String {
    if let Some(done) = &job.unrecorded {
        return format!("{done}, not yet in the journal");
    }
    if let Some(slicing) = &job.slicing {
        return format!("{} {} %", job.state, slicing.percent);
    }
    match job.progress.filter(|_| job.ended.is_none()) {
        Some(progress) if job.out_of_reach.is_some() => {
            format!("{} {:.1} %, its port is gone", job.state, progress.percent)
        }
        Some(progress) => format!("{} {:.1} %", job.state, progress.percent),
        None => job.state.clone(),
    }
}

/// One job in lines of `key: value`.
pub fn job(job: &JobView) {
    line(&format!("job {}: {}", job.id, state(job)));
    line(&format!("  part     {} {} of case {}", job.part.number, plain(&job.part.name), job.case));
    if !job.build.is_empty() {
        line(&format!("  pieces   {}", job.build.join(", ")));
    }
    made_from(job).iter().for_each(|text| line(text));
    if let Some(chain) = &job.chain {
        let size: Vec<_> = chain.model_size_mm.iter().map(|length| format!("{length:.1}")).collect();
        line(&format!("  model    {} ({}, {} mm)", chain.model, chain.model_format, size.join(" × ")));
        line(&format!(
            "  process  {} (for {} on {})",
            chain.process,
            plain(&chain.material),
            chain.printer_model
        ));
        let version = chain.profile_version;
        line(&format!("  profile  {}, version {version}, {}", chain.profile, chain.profile_hash));
        let network = if chain.network_cut { "" } else { " (it could have reached the network)" };
        line(&format!(
            "  slicer   {} {}{network}, {} layers",
            chain.slicer, chain.slicer_version, chain.layers
        ));
        if !chain.accepted.is_empty() {
            line(&format!("  accepted {}", plain(&chain.accepted.join(", "))));
        }
    }
    if let Some(gate) = &job.gate {
        for noted in &gate.findings {
            let at = noted.line.map(|line| format!(" in line {line}")).unwrap_or_default();
            let by = gate.by.as_deref().unwrap_or("nobody");
            let accepted = match gate.accepted.contains(&noted.code) {
                true => format!(", accepted by {}", plain(by)),
                false => String::new(),
            };
            line(&format!("  found    {} {}{at}{accepted}", noted.severity, plain(&noted.code)));
        }
        if gate.more > 0 {
            line(&format!("  found    {} more", gate.more));
        }
    }
    if let Some(need) = &job.need {
        let refills: Vec<_> = need.refill_before.iter().map(ToString::to_string).collect();
        let refilled = match refills.as_slice() {
            [] => String::new(),
            _ => format!(", refilled before layer {}", refills.join(", ")),
        };
        let in_layers = need.layers.map(|layers| format!(" in {layers} layers")).unwrap_or_default();
        let minutes = need.minutes.map(|minutes| format!(" and {minutes} min")).unwrap_or_default();
        let by = need.said_by.as_deref().map(|by| format!(", as {} says", plain(by))).unwrap_or_default();
        match need.millilitres {
            Some(ml) => line(&format!("  takes    {ml:.1} ml{in_layers}{minutes}{refilled}{by}")),
            None => line("  takes    what resin it takes nobody has said, and its file is encrypted"),
        }
    }
    if let Some(material) = &job.material {
        line(&format!("  material {}", plain(material)));
    }
    if let Some(printer) = &job.printer {
        line(&format!("  printer  {printer}"));
    }
    if let Some(layer) = &job.layer {
        let at = layer.z_mm.map(|z| format!(", at {z:.2} mm")).unwrap_or_default();
        line(&format!("  layer    {} of {}{at}", layer.number, layer.of));
    }
    for picture in [&job.pictures.print, &job.pictures.model].into_iter().flatten() {
        line(&format!("  picture  {picture}"));
    }
    line(&format!("  queued   {}", job.queued));
    for (what, when) in [
        ("started ", &job.started),
        ("ended   ", &job.ended),
        ("why     ", &job.why),
        ("paused  ", &job.paused),
        ("look    ", &job.out_of_reach),
    ] {
        if let Some(when) = when {
            line(&format!("  {what} {}", plain(when)));
        }
    }
    for place in &job.continued {
        let (command, layer, gap) = (place.command, place.layer, place.gap_ms as f64 / 1_000.0);
        line(&format!(
            "  look     at layer {layer}: platen ended and went on there (command {command}, {}, a gap of {gap:.1} s at most)",
            plain(&place.at)
        ));
    }
    if let Some(resumes) = &job.resumes {
        line(&format!(
            "  look     at layer {}: it goes on there with the part of job {}; the nozzle stands at {} mm when it begins",
            resumes.layer, resumes.job, resumes.height_mm
        ));
    }
    if let Some(reprints) = &job.reprints {
        line(&format!("  reprint  {}", plain(&reprints.in_words())));
    }
    for made in &job.resume_files {
        line(&format!(
            "  resume   from layer {} with file {} (nozzle at {} mm; by {}, {})",
            made.layer,
            made.file,
            made.height_mm,
            plain(&made.by),
            plain(&made.at)
        ));
    }
    if job.exact == Some(true) {
        line("  exact    yes: the firmware confirmed every command of the file");
    }
    waiting(job);
}

/// Its file; while there is none, the model that one is made of, and how far that is.
fn made_from(job: &JobView) -> Vec<String> {
    if job.has_file() {
        let unit = match &job.need {
            Some(need) if need.layers.is_some() => "layers",
            Some(_) => "bytes",
            None => "commands",
        };
        return vec![format!("  file     {} ({} {unit})", job.file, job.commands)];
    }
    let mut lines = vec![format!("  model    {}", job.file)];
    if let Some(slicing) = &job.slicing {
        let (percent, doing, process) = (slicing.percent, slicing.in_words(), &slicing.process);
        lines.push(format!("  slicing  {percent} %, {} (process {process})", plain(doing)));
    }
    lines
}

/// A resume file, and what has to be so when it begins.
pub fn resume_file(made: &ResumeFileView) {
    line(&format!("resume file {}: job {} from layer {} on", made.file.file, made.job, made.layer));
    line(&format!("  printer  {} only, while the part stands on its bed", made.printer));
    line(&format!(
        "  nozzle   {} mm above the plate when it begins; if it is not, measure it",
        made.height_mm
    ));
    if let Some(z) = made.layer_z_mm {
        line(&format!("  layer    at Z {z} mm"));
    }
    for finding in &made.findings {
        let at = finding.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        line(&format!("  warning  {}: {at}{}; {}", finding.code, plain(&finding.what), finding.help));
    }
}

/// Why a queued job has not begun.
pub fn waiting(job: &JobView) {
    let Some(waiting) = &job.waiting else { return };
    if waiting.ahead > 0 {
        line(&format!("  {} before it in the queue", waiting.ahead));
    }
    for on in &waiting.printers {
        line(&format!("  {}: {}", on.printer, plain(&on.why)));
    }
    if waiting.printers.is_empty() {
        line("  it waits: there is no printer that it may run on");
    }
}

/// A reading of these temperatures, with its age where it is not of now.
pub fn heat(of: &TemperaturesView, reading: Option<ReadingView>, unit: &str) -> String {
    let reading = match reading {
        None => return "-".into(),
        Some(ReadingView { actual, target: Some(target) }) if target > 0.0 => {
            format!("{actual:.0}/{target:.0}{unit}")
        }
        Some(ReadingView { actual, .. }) => format!("{actual:.0}{unit}"),
    };
    match of.told_ago() {
        Some(age) => format!("{reading}, {age} ago"),
        None => reading,
    }
}

/// What a printer needs from a person, in a word or two.
pub fn bed(printer: &PrinterView) -> &'static str {
    match (&printer.latch, &printer.on_bed) {
        (Some(_), _) => "locked",
        (None, Some(_)) => "occupied",
        (None, None) => "clear",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::shapes::SlicingView;

    #[test]
    fn a_job_without_a_file_is_shown_with_its_model_and_no_count_of_commands() {
        let told = r#"{"id": "j", "case": "c", "part": {"id": "p", "case": "c", "number": 1, "name": "heart"},
            "file": "abc", "commands": 0, "state": "slicing", "queued": "2026-11-29T03:00:00Z"}"#;
        let job: JobView = serde_json::from_str(told).unwrap();
        let slicing = |percent, doing: &str| {
            let slicing = SlicingView { process: "pla-fine".into(), percent, doing: doing.into() };
            made_from(&JobView { slicing: Some(slicing), ..job.clone() })
        };
        let model = "  model    abc";
        let turn = "  slicing  0 %, waiting for its turn (process pla-fine)";
        assert_eq!(slicing(0, ""), [model, turn]);
        let doing = "  slicing  40 %, Generating perimeters (process pla-fine)";
        assert_eq!(slicing(40, "Generating perimeters"), [model, doing]);
        assert_eq!(made_from(&job), [model], "nothing became of it");
        let sliced = JobView { commands: 7, ..job.clone() };
        assert_eq!(made_from(&sliced), ["  file     abc (7 commands)"]);
    }

    #[test]
    fn a_file_for_resin_has_layers_and_an_encrypted_one_bytes() {
        let of = |need: &str| {
            let told = format!(
                r#"{{"id": "j", "case": "c", "part": {{"id": "p", "case": "c", "number": 1, "name": "heart"}},
                "file": "abc", "commands": 7, "state": "queued", "queued": "2026-11-29T03:00:00Z", "need": {need}}}"#
            );
            made_from(&serde_json::from_str(&told).unwrap())
        };
        assert_eq!(of(r#"{"layers": 7}"#), ["  file     abc (7 layers)"]);
        assert_eq!(of("{}"), ["  file     abc (7 bytes)"]);
    }
}
