//! What the pages of this room say: the worklist, a printed part, its inspection.

use super::{Language, Text, texts};

texts! {
    TITLE = "Hands" | "Handgriffe";
    WAITING = "{n} to do" | "{n} zu tun";
    NOTHING = "Nothing needs hands now." | "Gerade ist nichts zu tun.";
    NOTHING_NEXT = "What is printed, asked or to be inspected comes here by itself. See what comes next in the queue." | "Was gedruckt ist, was ein Drucker fragt und was zu prüfen ist, erscheint hier von selbst. Was als Nächstes kommt, steht in der Warteschlange.";
    SINCE = "since {time}" | "seit {time}";
    ON = "on {printer}" | "auf {printer}";
    CASE_PART = "Case {case}, part {part}" | "Fall {case}, Teil {part}";
    PIECES = "{n} pieces" | "{n} Stück";

    SCAN = "Scan a label, or type what stands beside its code" | "Etikett scannen, oder eintippen, was neben dem Code steht";
    SCAN_GO = "Go" | "Los";
    SCAN_HINT = "A printer, then a lot: it is loaded. A part or a lot alone: its page opens." | "Erst Drucker, dann Charge: sie wird geladen. Teil oder Charge allein: ihre Seite öffnet sich.";
    SCAN_LOT_NOW = "Now scan the lot for {printer}." | "Jetzt die Charge für {printer} scannen.";
    SCAN_READING = "Reading the label …" | "Das Etikett wird gelesen …";
    SCAN_FOREIGN = "This code is not of a label of platen's. Scan the label of a printer, a lot or a part." | "Dieser Code ist auf keinem Etikett von platen. Bitte das Etikett eines Druckers, einer Charge oder eines Teils scannen.";
    SCAN_MISREAD = "The label could not be read right. Scan it again, or type what stands beside the code. If it happens with every label: set the scanner to this computer's keyboard." | "Das Etikett wurde nicht richtig gelesen. Bitte noch einmal scannen, oder eintippen, was neben dem Code steht. Wenn es bei jedem Etikett so ist: den Scanner auf die Tastatur dieses Computers einstellen.";
    SCAN_UNKNOWN = "The label is right, but what it is of is not here: it may be another lab's, or was made before this journal." | "Das Etikett stimmt, aber was es bezeichnet, gibt es hier nicht: es ist vielleicht aus einem anderen Labor oder von vor diesem Journal.";
    SCAN_LOADED = "{what} is loaded on {printer}, slot {slot}." | "{what} ist auf {printer} geladen, Platz {slot}.";
    SCAN_INSTEAD = "Slot {slot} of {printer} has {what}. Take that off, and load the other one?" | "Platz {slot} von {printer} hat {what}. Diese herausnehmen und die andere laden?";
    SCAN_SAME = "This lot is loaded there already." | "Diese Charge ist dort schon geladen.";
    SCAN_MAY_NOT = "Your role may not load material." | "Ihre Rolle darf kein Material laden.";

    AT_PRINTER = "At {printer}" | "An {printer}";
    LEAVE = "Leave it" | "Weg vom Drucker";
    LOADED_NOW = "Loaded now" | "Jetzt geladen";
    NOTHING_LOADED = "Nothing is noted as loaded." | "Es ist nichts als geladen vermerkt.";
    SLOT_N = "Slot {n}" | "Platz {n}";
    SLOT_FOR_NEXT = "Slot for the lot that is scanned next" | "Platz für die Charge, die als Nächstes gescannt wird";
    MORE_SLOTS = "More slots" | "Weitere Plätze";
    LEFT = "{grams} g left" | "{grams} g übrig";
    UNLOAD = "Take it off" | "Herausnehmen";
    UNLOADED = "It is noted as taken off." | "Als herausgenommen vermerkt.";
    OPEN_PRINTER = "Open the printer" | "Drucker öffnen";

    UPLOADS = "Files of which nobody has said the part" | "Dateien, zu denen niemand das Teil genannt hat";
    SAY_WHICH_PART = "Say of which part it is" | "Sagen, zu welchem Teil sie gehört";

    BEDS = "Clear the bed" | "Druckbett räumen";
    BED_DONE = "The bed is noted as clear." | "Das Bett ist als leer vermerkt.";
    AWAY_HOT = "Out of reach: go there at once" | "Außer Reichweite: sofort hingehen";
    LAST_HEAT = "Last heard {age} ago: {heat}." | "Zuletzt gehört vor {age}: {heat}.";
    ASKS = "A printer waits for somebody" | "Ein Drucker wartet auf jemanden";
    ASKS_WHAT = "It asks: {asked}" | "Er fragt: {asked}";
    PAUSED = "It is paused" | "Er macht Pause";
    GO_THERE = "Go to the printer" | "Zum Drucker";
    LOCKED = "Locked, or deaf, until somebody has looked" | "Gesperrt oder taub, bis jemand nachgesehen hat";
    USED_AGAIN = "It may be used again." | "Er darf wieder benutzt werden.";
    LOOKED = "Have you looked at {printer}, and is nothing in its way, broken or hot?" | "Haben Sie {printer} angesehen, und ist nichts im Weg, kaputt oder heiß?";
    ANOTHER_BOARD = "Another board may be on its port" | "An seinem Anschluss ist vielleicht eine andere Platine";
    BEGIN = "Begin, with somebody there" | "Beginnen, wenn jemand da ist";
    BEGIN_NOW = "Begin, I am at {printer}" | "Beginnen, ich bin bei {printer}";
    BEGUN = "It begins." | "Es beginnt.";
    MATERIAL = "Material" | "Material";
    LOAD_FOR = "Load {material} for case {case}, part {part}" | "{material} laden für Fall {case}, Teil {part}";
    LOAD_ANY = "material" | "Material";
    LOT_LOW = "nearly used up: {grams} g left" | "fast verbraucht: {grams} g übrig";
    LOT_BAD = "may not be used: it {why}" | "darf nicht verwendet werden: sie {why}";
    LOAD_HERE = "Load here" | "Hier laden";
    CHANGE_IT = "Change it" | "Wechseln";
    PROCESS = "Post-process" | "Nachbearbeiten";
    PROCESS_NEXT = "Note a step" | "Schritt vermerken";
    INSPECT = "Inspect" | "Prüfen";
    INSPECT_NEXT = "Inspect it" | "Prüfen";
    DECIDE = "Decide" | "Entscheiden";
    DECIDE_NEXT = "Decide about it" | "Entscheiden";
    RELEASE = "Release" | "Freigeben";
    RELEASE_NEXT = "Look, and release it" | "Ansehen und freigeben";
    HAND_OUT = "Pack and deliver" | "Verpacken und ausliefern";
    PACK_NEXT = "It is packed" | "Ist verpackt";
    DELIVER_NEXT = "Hand it over" | "Übergeben";
    CASE_NOT_IN_QC = "Its case is not in quality control yet: {state}" | "Ihr Fall ist noch nicht in Qualitätsprüfung: {state}";
    CASE_NOT_RELEASED = "Its case is not released yet: {state}" | "Ihr Fall ist noch nicht freigegeben: {state}";
    OPEN_CASE = "Open the case" | "Fall öffnen";
    PREPARED = "Prepared printers" | "Vorbereitete Drucker";
    PREPARED_FOR = "Ready for case {case}, part {part}" | "Bereit für Fall {case}, Teil {part}";
    NOT_PREPARED = "Not ready any more" | "Nicht mehr bereit";
    DOUBTS_N = "{n} doubts" | "{n} Zweifel";
    LOOK_AT_IT = "Look at it" | "Ansehen";

    PRINTED = "Printed part" | "Gedrucktes Teil";
    ATTEMPT_N = "attempt {n}" | "Versuch {n}";
    NEXT = "Next" | "Als Nächstes";
    MORE = "More" | "Mehr";
    NOT_YOURS = "What comes next is for another role." | "Der nächste Schritt ist Sache einer anderen Rolle.";
    DOUBTS = "What has to be looked at" | "Was anzusehen ist";
    DOUBT_SEEN = "looked at" | "angesehen";
    FROM = "Where it comes from" | "Woher es kommt";
    CASE = "Case" | "Fall";
    PART = "Part" | "Teil";
    MODEL = "Model" | "Modell";
    REVISION_N = "revision {n}" | "Revision {n}";
    NO_REVISION = "not known yet" | "noch nicht bekannt";
    FILE = "File" | "Datei";
    JOB = "Job" | "Auftrag";
    PRINTER = "Printer" | "Drucker";
    PRINTED_AT = "Printed" | "Gedruckt";
    OPERATORS = "In whose hands it was" | "In wessen Händen es war";
    TOGETHER = "On the same bed" | "Auf demselben Bett";
    REPLACES = "In place of" | "Anstelle von";
    REPLACED_BY = "Replaced by" | "Ersetzt durch";
    REWORKS = "Reworked" | "Nachgearbeitet";
    TIMES = "{n} times" | "{n}-mal";
    LOTS = "Material" | "Material";
    NO_LOTS = "No lot is noted" | "Keine Charge vermerkt";
    USED_G = "{grams} g used" | "{grams} g verbraucht";
    RECALLED_LOT = "recalled: {why}" | "zurückgerufen: {why}";
    SLICED_BY = "Sliced" | "Geslict";
    ACCEPTED_BY = "Counts as good by" | "Gilt als gut durch";
    LOOKBACKS = "Looked back at" | "Rückverfolgt";
    PICTURES = "Pictures" | "Bilder";
    PICTURE_PRINT = "The print" | "Der Druck";
    PICTURE_MODEL = "The model" | "Das Modell";
    ALL_PICTURES = "All pictures and layers" | "Alle Bilder und Schichten";
    LABEL = "Label" | "Etikett";
    LABEL_ALT = "Label of {serial}" | "Etikett von {serial}";
    PRINT_LABEL = "Print, {stock} mm" | "Drucken, {stock} mm";
    NO_LABEL = "There is no piece of it that a label could be put on." | "Es gibt kein Stück davon, auf das ein Etikett könnte.";
    INSPECTIONS = "Inspections" | "Prüfungen";
    NO_INSPECTION = "It was not inspected yet." | "Es wurde noch nicht geprüft.";
    OF_COUPON = "of its coupon" | "am Begleitkörper";
    WITH_INSTRUMENT = "with {instrument}, calibrated until {due}" | "mit {instrument}, kalibriert bis {due}";
    ITEM = "What" | "Was";
    VALUE = "Value" | "Wert";
    NOMINAL = "Nominal" | "Sollwert";
    GOOD_FROM_TO = "Good from … to" | "Gut von … bis";
    VERDICT = "Verdict" | "Urteil";
    NOT_MEASURED = "not measured" | "nicht gemessen";
    PHOTO_N = "Photo {n} of the inspection" | "Foto {n} der Prüfung";
    NONCONFORMANCES = "Not as it should be" | "Abweichungen";
    HISTORY = "History" | "Verlauf";
    BEGAN = "Its print began on {printer}" | "Der Druck begann auf {printer}";
    ENDED = "Its print ended" | "Der Druck war zu Ende";
    PROCESSED_WORDS = "{kind}, {by}" | "{kind}, {by}";
    INSPECTED_WORDS = "Inspected by {template} {version}: {verdict}, {by}" | "Geprüft nach {template} {version}: {verdict}, {by}";
    OPENED_WORDS = "Nonconformance {id} opened: {what}, {by}" | "Abweichung {id} gemeldet: {what}, {by}";
    SIGNED_WORDS = "Signed, {meaning}: {by}" | "Unterschrieben, {meaning}: {by}";
    VOIDED = "void since {time}" | "ungültig seit {time}";
    MINUTES = "Minutes" | "Minuten";

    STEP_PROCESSED = "Note the step" | "Schritt vermerken";
    STEP_PROCESSED_DONE = "The step is noted." | "Der Schritt ist vermerkt.";
    STEP_KIND = "What was done" | "Was getan wurde";
    STEP_RECIPE = "How (bath, temperature, grit)" | "Wie (Bad, Temperatur, Körnung)";
    STEP_EQUIPMENT = "Machine or tool" | "Gerät oder Werkzeug";
    STEP_SENT = "Finished: send it to inspection" | "Fertig: zur Prüfung geben";
    STEP_SENT_DONE = "It waits for its inspection." | "Es wartet auf die Prüfung.";
    STEP_ACCEPTED = "Accept it" | "Annehmen";
    STEP_ACCEPTED_DONE = "It is accepted." | "Es ist angenommen.";
    STEP_REJECTED = "Reject it" | "Zurückweisen";
    STEP_REJECTED_DONE = "It is rejected." | "Es ist zurückgewiesen.";
    STEP_SCRAPPED = "Scrap it" | "Verwerfen";
    STEP_SCRAPPED_ASK = "Scrapped is for ever. Is it to be scrapped?" | "Verworfen ist endgültig. Soll es verworfen werden?";
    STEP_SCRAPPED_DONE = "It is scrapped." | "Es ist verworfen.";
    STEP_RELEASED = "Release it with a signature" | "Mit Unterschrift freigeben";
    STEP_RELEASED_DONE = "It is released." | "Es ist freigegeben.";
    STEP_RELEASED_OWN = "You had it in your hands: somebody else has to release it." | "Sie hatten es in den Händen: jemand anderes muss es freigeben.";
    STEP_PACKED = "It is packed" | "Ist verpackt";
    STEP_PACKED_DONE = "It is noted as packed." | "Als verpackt vermerkt.";
    STEP_HANDED_OVER = "Handed over for sterilisation" | "Zur Sterilisation gegeben";
    STEP_HANDED_OVER_DONE = "It is noted as handed over." | "Als übergeben vermerkt.";
    GIVEN_TO = "to {to}" | "an {to}";
    IN_CYCLE = "cycle {cycle}" | "Zyklus {cycle}";
    STEP_CYCLE = "Cycle" | "Zyklus";
    STEP_DELIVERED = "Delivered" | "Ausgeliefert";
    STEP_DELIVERED_DONE = "It is noted as delivered." | "Als ausgeliefert vermerkt.";
    STEP_TO = "To whom (ward, theatre; no patient)" | "An wen (Station, Saal; kein Patient)";
    STEP_QUARANTINED = "Put it into quarantine" | "In Quarantäne nehmen";
    STEP_QUARANTINED_DONE = "It is in quarantine." | "Es ist in Quarantäne.";
    STEP_LIFTED = "Lift the quarantine" | "Quarantäne aufheben";
    STEP_LIFTED_DONE = "It is out of quarantine, and has to be inspected." | "Es ist aus der Quarantäne und muss geprüft werden.";
    STEP_RECALLED = "Recall it" | "Zurückrufen";
    STEP_RECALLED_ASK = "A recall cannot be taken back. Is it to be recalled?" | "Ein Rückruf lässt sich nicht zurücknehmen. Soll es zurückgerufen werden?";
    STEP_RECALLED_DONE = "It is recalled." | "Es ist zurückgerufen.";
    STEP_ATTESTED = "It was made from this revision" | "Es ist aus diesem Stand gemacht";
    STEP_ATTESTED_DONE = "The revision is noted." | "Der Stand ist vermerkt.";
    STEP_REVISION = "Revision" | "Stand";
    STEP_REPRINT = "Print its file again" | "Seine Datei noch einmal drucken";
    STEP_REPRINT_CAUSE = "Why again" | "Warum noch einmal";
    STEP_PLANNED = "Plan another attempt" | "Einen weiteren Versuch vorsehen";
    STEP_PLANNED_DONE = "Another attempt is planned." | "Ein weiterer Versuch ist vorgesehen.";
    WHY = "Why" | "Warum";
    WHY_IF = "Why, where a value has a flag or it is rejected" | "Warum, bei Vorbehalt oder Zurückweisung";
    WHY_FLAG = "Why it is good enough" | "Warum es gut genug ist";

    NC_OPEN = "Report what is not right" | "Abweichung melden";
    NC_OPEN_DONE = "It is reported, and the part is kept apart." | "Gemeldet; das Teil ist beiseite genommen.";
    NC_CAUSE = "Kind" | "Art";
    NC_SEVERITY = "How bad" | "Wie schwer";
    NC_WHAT = "What is not right (no patient's name)" | "Was nicht stimmt (kein Patientenname)";
    NC_DISPOSITION = "What becomes of it" | "Was daraus wird";
    NC_DECIDE = "Decide" | "Entscheiden";
    NC_DECIDE_DONE = "It is decided." | "Es ist entschieden.";
    NC_USE_AS_IS = "Use it as it is, with a signature" | "Mit Unterschrift verwenden, wie es ist";
    NC_CLOSE = "Close it" | "Abschließen";
    NC_CLOSE_DONE = "It is closed." | "Abgeschlossen.";
    NC_CAPA = "Where what is done against it is written (optional)" | "Wo steht, was dagegen getan wird (freiwillig)";
    NC_DECIDED = "{what}: {why} ({by})" | "{what}: {why} ({by})";

    INSPECTION_OF = "Inspect {serial}" | "{serial} prüfen";
    NOT_TO_INSPECT = "It is not the time to inspect it: it is {state}." | "Jetzt ist nicht die Zeit dafür: es ist {state}.";
    TEMPLATE = "Template" | "Vorlage";
    TEMPLATE_VERSION = "{name}, version {version}" | "{name}, Version {version}";
    CHOOSE_TEMPLATE = "By which template?" | "Nach welcher Vorlage?";
    NO_TEMPLATE = "There is no template that says what to measure." | "Es gibt keine Vorlage, die sagt, was zu messen ist.";
    NO_TEMPLATE_NEXT = "A releaser or an admin writes one in the settings." | "Freigebende oder Admins schreiben eine, in den Einstellungen.";
    OLDER_VERSIONS = "Older versions" | "Ältere Versionen";
    INSTRUMENT = "Instrument" | "Messmittel";
    NO_INSTRUMENT = "Without" | "Ohne";
    INSTRUMENT_UNTIL = "{name} ({what}), calibrated until {due}" | "{name} ({what}), kalibriert bis {due}";
    INSTRUMENT_EXPIRED = "{name} ({what}): its calibration ended on {due}" | "{name} ({what}): die Kalibrierung lief am {due} ab";
    EXPIRED_WARNING = "The calibration of this instrument has ended: take another one, or have it calibrated." | "Die Kalibrierung dieses Messmittels ist abgelaufen: ein anderes nehmen oder kalibrieren lassen.";
    INSTRUMENT_NONE = "This method needs an instrument, and none is noted yet." | "Diese Methode braucht ein Messmittel, und noch ist keines vermerkt.";
    INSTRUMENT_NONE_NEXT = "Maintenance adds one in the settings." | "Die Wartung fügt eines hinzu, in den Einstellungen.";
    INSTRUMENT_NEEDED = "This method needs an instrument." | "Diese Methode braucht ein Messmittel.";
    MEASURE = "Measure" | "Messen";
    LIMITS = "{low} to {high} {unit}" | "{low} bis {high} {unit}";
    OFF_BY = "{deviation} from nominal" | "{deviation} zum Sollwert";
    UNREADABLE = "This is no number" | "Das ist keine Zahl";
    ANSWER_YES = "Yes" | "Ja";
    ANSWER_NO = "No" | "Nein";
    ANSWER_OPEN = "Not looked" | "Nicht geprüft";
    DOUBTS_TO_TICK = "Doubts: tick each one that you have looked at" | "Zweifel: jeden abhaken, den Sie angesehen haben";
    PHOTOS = "Photos" | "Fotos";
    PHOTOS_HINT = "3 at most. Place, time and names are taken out; see that none is in the picture." | "Höchstens 3. Ort, Zeit und Namen werden entfernt; achten Sie darauf, dass keine im Bild stehen.";
    TAKE_PHOTO = "Take a photo" | "Foto aufnehmen";
    PHOTO_GOES = "Photo: {percent} %" | "Foto: {percent} %";
    PHOTO_TAKEN = "Photo {n}" | "Foto {n}";
    PHOTO_REMOVE = "Leave it out" | "Weglassen";
    PHOTO_FAILED = "The photo did not arrive: {why}" | "Das Foto kam nicht an: {why}";
    PHOTO_FULL = "3 photos are enough." | "3 Fotos genügen.";
    PHOTOS_WAIT = "A photo is still on its way: wait until it is there." | "Ein Foto ist noch unterwegs: warten, bis es da ist.";
    NOTE = "Note" | "Notiz";
    RESULT = "Result" | "Ergebnis";
    SAVE_ACCEPT = "Save and accept" | "Speichern und annehmen";
    SAVE_REJECT = "Save and reject" | "Speichern und zurückweisen";
    SAVE_ONLY = "Save only" | "Nur speichern";
    SAVED = "Saved. platen's verdict: {verdict}." | "Gespeichert. Urteil von platen: {verdict}.";
    SAVED_NOT_STEPPED = "The inspection is saved, but the part is as it was: {why}" | "Die Prüfung ist gespeichert, aber das Teil ist, wie es war: {why}";
    MISMATCH = "This page had said \"{mine}\", platen says \"{verdict}\": platen's counts. Please report it." | "Diese Seite sagte „{mine}“, platen sagt „{verdict}“: es gilt platens Urteil. Bitte melden.";
    GO_TO_PART = "To the part" | "Zum Teil";
    WHY_NEEDED = "Say why, in the field for it." | "Bitte im Feld dafür sagen, warum.";
    COUPON = "Measure its coupon instead" | "Stattdessen den Begleitkörper messen";
    THE_PART = "Measure the part itself" | "Das Teil selbst messen";
    COUPON_NOTE = "This is the inspection of the coupon that was printed with it; the part is inspected by itself." | "Dies ist die Prüfung des Begleitkörpers, der mitgedruckt wurde; das Teil wird für sich geprüft.";

    PASS = "pass" | "gut";
    FLAG = "good with a reason" | "gut mit Begründung";
    INCOMPLETE = "incomplete" | "unvollständig";
    FAIL = "fail" | "nicht gut";

    REMOVAL = "removed from the bed" | "vom Bett genommen";
    WASH = "washed" | "gewaschen";
    DRY = "dried" | "getrocknet";
    CURE = "cured" | "nachgehärtet";
    SUPPORT_REMOVAL = "supports removed" | "Stützen entfernt";
    FINISH = "finished" | "verschliffen oder geglättet";

    DIMENSION = "dimension" | "Maß";
    SURFACE = "surface" | "Oberfläche";
    BREAKAGE = "breakage" | "Bruch";
    INCOMPLETE_PART = "incomplete" | "unvollständig";
    WRONG_FILE = "wrong file" | "falsche Datei";
    WRONG_MATERIAL = "wrong material" | "falsches Material";
    WRONG_SIDE = "wrong side" | "falsche Seite";
    CONTAMINATION = "contamination" | "Verunreinigung";
    LABELLING = "labelling" | "Beschriftung";
    MACHINE = "machine" | "Maschine";
    HANDLING = "handling" | "Handhabung";
    OTHER = "other" | "anderes";
    MINOR = "minor" | "gering";
    MAJOR = "major" | "erheblich";
    CRITICAL = "critical" | "kritisch";
    SCRAP = "scrap it" | "verwerfen";
    REPRINT = "scrap it, and print it again" | "verwerfen und neu drucken";
    REWORK = "process and inspect it again" | "nacharbeiten und neu prüfen";
    AS_IS = "use it as it is" | "verwenden, wie es ist";
    DISPOSED = "decided" | "entschieden";

    PRINT_FAILED = "the print failed" | "der Druck ist misslungen";
    INSPECTION_FAILED = "the inspection failed" | "die Prüfung ist nicht bestanden";
    DAMAGED = "it was damaged" | "es wurde beschädigt";
    LOST = "it was lost" | "es ging verloren";
    ANOTHER_COPY = "another copy is wanted" | "ein weiteres Stück wird gebraucht";

    CALIPER = "caliper" | "Messschieber";
    PHOTO = "photo" | "Foto";
    SURFACE_SCAN = "surface scan" | "Oberflächenscan";
    PHOTOGRAMMETRY = "photogrammetry" | "Photogrammetrie";
    CT = "CT" | "CT";
    FIT_TEST = "fit test" | "Passprobe";
    VISUAL = "by eye" | "mit dem Auge";
    WEIGHT_FAIL = "must be good" | "muss gut sein";
    WEIGHT_FLAG = "out of limits needs a reason" | "außerhalb nur mit Begründung";
    WEIGHT_NOTE = "noted only" | "nur vermerkt";
    MM = "mm" | "mm";
    DEG = "°" | "°";
    G = "g" | "g";
    PERCENT = "%" | "%";

    MEANS_RELEASED = "released" | "freigegeben";
    MEANS_APPROVED = "approved" | "Konstruktion freigegeben";
}

/// The words of the API that these pages show, by what they are there.
const KNOWN: &[(&str, Text)] = &[
    ("pass", PASS),
    ("flag", FLAG),
    ("incomplete", INCOMPLETE),
    ("fail", FAIL),
    ("removal", REMOVAL),
    ("wash", WASH),
    ("dry", DRY),
    ("cure", CURE),
    ("support_removal", SUPPORT_REMOVAL),
    ("finish", FINISH),
    ("dimension", DIMENSION),
    ("surface", SURFACE),
    ("breakage", BREAKAGE),
    ("wrong_file", WRONG_FILE),
    ("wrong_material", WRONG_MATERIAL),
    ("wrong_side", WRONG_SIDE),
    ("contamination", CONTAMINATION),
    ("labelling", LABELLING),
    ("machine", MACHINE),
    ("handling", HANDLING),
    ("other", OTHER),
    ("minor", MINOR),
    ("major", MAJOR),
    ("critical", CRITICAL),
    ("scrap", SCRAP),
    ("reprint", REPRINT),
    ("rework", REWORK),
    ("use_as_is", AS_IS),
    ("disposed", DISPOSED),
    ("print_failed", PRINT_FAILED),
    ("inspection_failed", INSPECTION_FAILED),
    ("damaged", DAMAGED),
    ("lost", LOST),
    ("another_copy", ANOTHER_COPY),
    ("caliper", CALIPER),
    ("photo", PHOTO),
    ("surface_scan", SURFACE_SCAN),
    ("photogrammetry", PHOTOGRAMMETRY),
    ("ct", CT),
    ("fit_test", FIT_TEST),
    ("visual", VISUAL),
    ("mm", MM),
    ("deg", DEG),
    ("g", G),
    ("percent", PERCENT),
    ("released", MEANS_RELEASED),
    ("approved", MEANS_APPROVED),
];

/// A word of the API for people; one that is not known stays as it is, `_` as a space.
pub fn word(language: Language, word: &str) -> String {
    let known = KNOWN.iter().find(|(known, _)| *known == word);
    known.map_or_else(|| word.replace('_', " "), |(_, text)| text.say(language).to_owned())
}
