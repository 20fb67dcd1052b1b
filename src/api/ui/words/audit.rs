//! What the pages of this room say: the journal in sentences, and whether it is whole.

use super::texts;

texts! {
    TITLE = "Audit" | "Protokoll";
    INTRO = "Everything that was done, newest first. Nobody can change an entry unseen: each one's hash covers the one before it." | "Alles, was getan wurde, das Neueste zuerst. Niemand kann einen Eintrag unbemerkt ändern: der Hash jedes Eintrags schließt den davor ein.";

    WHOLE = "Is the journal whole?" | "Ist das Journal vollständig?";
    ENTRIES = "Entries" | "Einträge";
    KNOWN_DAMAGE = "The journal is damaged: {finding}" | "Das Journal ist beschädigt: {finding}";
    NO_DAMAGE = "No damage is known." | "Es ist kein Schaden bekannt.";
    CHECK = "Check the whole chain" | "Die ganze Kette prüfen";
    CHECK_HINT = "All entries are read, and every link is checked: about a second for each 100 000." | "Alle Einträge werden gelesen und jedes Glied geprüft: etwa eine Sekunde je 100 000.";
    CHECKING = "Checking …" | "Wird geprüft …";
    INTACT = "It is whole: {entries} entries, every link fits. Its last hash: {head}" | "Es ist vollständig: {entries} Einträge, jedes Glied passt. Letzter Hash: {head}";
    BROKEN = "It is NOT whole: {finding}" | "Es ist NICHT vollständig: {finding}";
    RESTORED = "This journal was restored from a copy on {day}. What happened between that copy and then is not in it." | "Dieses Journal wurde am {day} aus einer Kopie wiederhergestellt. Was zwischen der Kopie und diesem Tag geschah, steht nicht darin.";
    DOWNLOAD = "The journal as lines of JSON" | "Das Journal als JSON-Zeilen";
    EXTRACT = "An extract to print" | "Ein Auszug zum Drucken";

    HEADS = "Signed heads" | "Unterschriebene Stände";
    HEADS_OFF = "No head is signed, so that a journal that was written anew as a whole would look whole. docs/audit.md says how to sign one each day." | "Es wird kein Stand unterschrieben: ein ganz neu geschriebenes Journal sähe vollständig aus. docs/audit.md sagt, wie jeden Tag einer unterschrieben wird.";
    HEADS_NONE = "None is there yet. The first is made within a minute; else the log says why not." | "Noch keiner da. Der erste entsteht binnen einer Minute; sonst sagt das Log, warum nicht.";
    HEADS_WRONG = "They cannot be checked: {why}" | "Sie sind nicht prüfbar: {why}";
    HEAD_FITS = "fits the journal" | "passt zum Journal";
    HEAD_NOT = "does NOT fit the journal: it was written anew, or restored from an older copy" | "passt NICHT zum Journal: es wurde neu geschrieben oder aus einer älteren Kopie wiederhergestellt";
    HEAD_OF = "up to entry {n}" | "bis Eintrag {n}";

    FILTERS = "Which entries are shown" | "Welche Einträge gezeigt werden";
    WHO = "Who" | "Wer";
    WHO_HINT = "A name, or platen" | "Ein Name, oder platen";
    CASE = "Case" | "Fall";
    PRINTER = "Printer" | "Drucker";
    LOT = "Lot" | "Charge";
    KIND = "What" | "Was";
    DAY = "Day" | "Tag";
    SEQ = "Entry number" | "Nummer des Eintrags";
    ALL_PRINTERS = "All printers" | "Alle Drucker";
    NO_FILTER = "Show all" | "Alle zeigen";
    ALL_KINDS = "Everything, but for progress" | "Alles, außer Fortschritt";
    KIND_PRINTS = "Prints and jobs" | "Drucke und Aufträge";
    KIND_PRINTERS = "Printers: stops, faults, beds" | "Drucker: Halt, Störungen, Betten";
    KIND_CASES = "Cases and designs" | "Fälle und Konstruktionen";
    KIND_PARTS = "Printed parts and inspections" | "Gedruckte Teile und Prüfungen";
    KIND_MATERIAL = "Material" | "Material";
    KIND_RULES = "Rules, processes, qualification" | "Regeln, Prozesse, Qualifikation";
    KIND_QUEUE = "Queue" | "Warteschlange";
    KIND_REPORTS = "Reports taken" | "Entnommene Berichte";
    KIND_VAULT = "Who a case is for: kept, read, erased" | "Patientenbezug: verwahrt, gelesen, gelöscht";
    KIND_PEOPLE = "People and sign-ins" | "Personen und Anmeldungen";
    KIND_JOURNAL = "platen itself: starts, restores" | "platen selbst: Starts, Wiederherstellungen";
    KIND_PROGRESS = "Progress of prints" | "Fortschritt der Drucke";

    WRONG_CASE = "That is no case's token: 13 letters and digits, as on its page." | "Das ist kein Kürzel eines Falls: 13 Buchstaben und Ziffern, wie auf seiner Seite.";
    WRONG_PRINTER = "That is no printer's name." | "Das ist kein Name eines Druckers.";
    WRONG_LOT = "That is no lot's id: 16 letters and digits, as on its label." | "Das ist keine Kennung einer Charge: 16 Buchstaben und Ziffern, wie auf ihrem Etikett.";
    WRONG_KIND = "There is no such kind of entry." | "Eine solche Art von Eintrag gibt es nicht.";
    WRONG_DAY = "That is no day: write it as 2026-04-01." | "Das ist kein Tag: bitte wie 2026-04-01 schreiben.";
    WRONG_SEQ = "An entry's number is a whole number, from 1 to {n}." | "Die Nummer eines Eintrags ist eine ganze Zahl, von 1 bis {n}.";

    ENTRY = "Entry" | "Eintrag";
    ENTRY_N = "Entry {n}" | "Eintrag {n}";
    WHEN = "When" | "Wann";
    WHAT = "What happened" | "Was geschah";
    HASH = "Its hash" | "Sein Hash";
    BEFORE_HASH = "Hash of the one before" | "Hash des Eintrags davor";
    PRINTER_NAMED = "printer {printer}" | "Drucker {printer}";
    JOURNAL = "The journal" | "Das Journal";
    LOOKED_AT = "Entries {from} to {to} were looked at, {n} are shown." | "Einträge {from} bis {to} wurden angesehen, {n} sind gezeigt.";
    NONE_SO = "None of the entries that were looked at is like that." | "Keiner der angesehenen Einträge ist so.";
    NONE_LEFT = "There is no older entry." | "Einen älteren Eintrag gibt es nicht.";
    NONE_SO_HINT = "Look further back, or show all." | "Weiter zurück suchen, oder alle zeigen.";
    OLDER = "Older" | "Ältere";
    FURTHER = "Look further back" | "Weiter zurück suchen";
    NEWEST = "Newest" | "Neueste";
}
