//! What the pages of this room say: reports.

use super::texts;

texts! {
    TITLE = "Reports" | "Berichte";
    INTRO = "Each report is made anew from the journal, and every link of it is checked on the way. The same day gives the same report, with the same hash." | "Jeder Bericht entsteht neu aus dem Journal, das dabei Glied für Glied geprüft wird. Der gleiche Stand gibt den gleichen Bericht, mit dem gleichen Hash.";
    PAGE = "Open the page" | "Seite öffnen";
    CSV = "Table (CSV)" | "Tabelle (CSV)";
    JSON = "Everything (JSON)" | "Alles (JSON)";

    PERIOD = "Period" | "Zeitraum";
    PERIOD_HINT = "Days by the site's clock, both are in. Without them everything counts." | "Tage nach der Uhr hier, beide zählen mit. Ohne Angabe zählt alles.";
    FROM = "From" | "Von";
    TO = "To" | "Bis";
    TAKE = "Take this period" | "Diesen Zeitraum nehmen";
    THIS_MONTH = "This month" | "Dieser Monat";
    LAST_MONTH = "Last month" | "Letzter Monat";
    THIS_YEAR = "This year" | "Dieses Jahr";
    LAST_YEAR = "Last year" | "Letztes Jahr";
    ALL_TIME = "Everything" | "Alles";
    IN_PERIOD = "In this period, prints that ended: {prints}; cases delivered: {cases}." | "In diesem Zeitraum beendete Drucke: {prints}; ausgelieferte Fälle: {cases}.";
    IN_ALL = "So far, prints that ended: {prints}; cases delivered: {cases}." | "Bisher beendete Drucke: {prints}; ausgelieferte Fälle: {cases}.";
    EMPTY_PERIOD = "Nothing was printed or delivered in this period: a report of it will be empty. Choose another one." | "In diesem Zeitraum wurde nichts gedruckt und nichts ausgeliefert: ein Bericht darüber ist leer. Bitte einen anderen wählen.";
    EMPTY_ALL = "Nothing was printed or delivered yet: reports will be empty. Open a case and print it first." | "Es wurde noch nichts gedruckt und nichts ausgeliefert: Berichte sind noch leer. Erst einen Fall anlegen und drucken.";
    BACKWARDS = "The period ends before it begins: turn the two days around." | "Der Zeitraum endet, bevor er beginnt: bitte die beiden Tage tauschen.";
    NO_DAY = "That is no day: write it as 2026-04-01." | "Das ist kein Tag: bitte wie 2026-04-01 schreiben.";

    CASE_TITLE = "Case record" | "Fallakte";
    CASE_WHAT = "Everything about one case, from the wish to the hand-over: parts, prints, inspections with photos, signatures. For the file, and for whoever audits." | "Alles zu einem Fall, vom Auftrag bis zur Übergabe: Teile, Drucke, Prüfungen mit Fotos, Unterschriften. Für die Akte und für Prüfer.";
    WORKSHEET_TITLE = "CPT worksheet" | "CPT-Arbeitsblatt";
    WORKSHEET_WHAT = "The units that a case may be billed with, the evidence of each, and what is not counted and why. A coder has to look at it." | "Die Einheiten, mit denen ein Fall abgerechnet werden kann, der Beleg zu jeder, und was nicht zählt und warum. Muss von der Kodierung geprüft werden.";
    REGISTRY_TITLE = "Registry export" | "Export für das Register";
    REGISTRY_WHAT = "The fields of the ACR-RSNA registry for each delivered case, without anything that says who a patient is." | "Die Felder des ACR-RSNA-Registers zu jedem ausgelieferten Fall, ohne alles, was auf Patienten schließen lässt.";
    VALUE_TITLE = "Programme value report" | "Bericht zum Nutzen des Programms";
    VALUE_WHAT = "What the lab has done in a period: volume, time to delivery, reprints, effort, costs, minutes saved. For whoever pays for the lab." | "Was das Labor in einem Zeitraum geleistet hat: Menge, Zeit bis zur Auslieferung, Fehldrucke, Aufwand, Kosten, gesparte Minuten. Für die, die das Labor bezahlen.";
    PRINTER_TITLE = "Printer report" | "Bericht zum Drucker";
    PRINTER_WHAT = "What one printer may be used for, its calibration and control charts, prints and maintenance. For its file." | "Wofür ein Drucker verwendet werden darf, Kalibrierung und Regelkarten, Drucke und Wartung. Für seine Akte.";
    LOT_TITLE = "Lot genealogy" | "Weg einer Charge";
    LOT_WHAT = "From a lot to every part and case that has it, or from a case back to its lots. For a recall." | "Von einer Charge zu jedem Teil und Fall, in dem sie ist, oder von einem Fall zurück zu seinen Chargen. Für einen Rückruf.";
    AUDIT_TITLE = "Audit extract" | "Auszug aus dem Journal";
    AUDIT_WHAT = "The journal in sentences, each with its hash, of a period or of a case. For whoever audits." | "Das Journal in Sätzen, jeder mit seinem Hash, zu einem Zeitraum oder einem Fall. Für Prüfer.";
    OF_LOT = "Of a lot" | "Zu einer Charge";
    OF_CASE = "Of a case" | "Zu einem Fall";
    OF_PERIOD = "Of a period" | "Zu einem Zeitraum";
    CASE = "Case" | "Fall";
    CASE_HINT = "Its token, as the page of the case has it" | "Sein Kürzel, wie auf der Seite des Falls";
    LOT = "Lot" | "Charge";
    LOT_HINT = "Its id, as on its label" | "Ihre Kennung, wie auf ihrem Etikett";
    NO_CASES = "There is no case yet. Open one under Cases." | "Es gibt noch keinen Fall. Unter Fälle wird einer angelegt.";
    NO_LOTS = "There is no lot yet. Receive one under Materials." | "Es gibt noch keine Charge. Unter Material wird eine angenommen.";

    MADE = "Made before" | "Bisher erstellt";
    MADE_NONE = "No report was made yet. Make the first one above: it is noted here, with its hash." | "Es wurde noch kein Bericht erstellt. Oben den ersten erstellen: er wird hier mit seinem Hash vermerkt.";
    MADE_MORE = "The newest {n} of {all}. Older ones are found by their hash." | "Die neuesten {n} von {all}. Ältere sind über ihren Hash zu finden.";
    WHEN = "When" | "Wann";
    WHO = "Who" | "Wer";
    NOBODY = "no name given" | "ohne Namen";
    REPORT = "Report" | "Bericht";
    OF = "Of" | "Worüber";
    CUT = "Up to entry" | "Bis Eintrag";
    HASH = "SHA-256" | "SHA-256";
    AGAIN = "Make it again" | "Noch einmal erstellen";
    OF_EVERYTHING = "everything" | "alles";
    WORD_CASE = "case {case}" | "Fall {case}";
    WORD_PRINTER = "printer {printer}" | "Drucker {printer}";
    WORD_LOT = "lot {lot}" | "Charge {lot}";
    WORD_FROM = "from {day}" | "ab {day}";
    WORD_TO = "to {day}" | "bis {day}";

    PAPER = "Is a paper one of ours?" | "Ist ein Papier von hier?";
    PAPER_HINT = "The 64 characters of its SHA-256, as they stand on it" | "Die 64 Zeichen seines SHA-256, wie sie darauf stehen";
    PAPER_LOOK = "Look it up" | "Nachsehen";
    PAPER_YES = "Yes: it was made here." | "Ja: er wurde hier erstellt.";
    PAPER_NO = "No report with this hash was noted here. It is another lab's, was changed, or is a table that was not noted." | "Ein Bericht mit diesem Hash ist hier nicht vermerkt. Er ist von einem anderen Labor, wurde verändert, oder ist eine Tabelle, die nicht vermerkt wurde.";
    PAPER_WRONG = "That is no SHA-256: give all 64 characters of it, 0 to 9 and a to f." | "Das ist kein SHA-256: bitte alle 64 Zeichen angeben, 0 bis 9 und a bis f.";
}
