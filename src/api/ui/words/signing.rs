//! What the signing dialog calls what stands in a text that is signed.

use super::texts;

texts! {
    WHAT = "What is signed" | "Was unterschrieben wird";
    REQUIRED = "The case needs it" | "Der Fall braucht es";
    REVISION = "Revision" | "Revision";
    MODEL = "Model" | "Modell";
    FORMAT = "Format" | "Format";
    SIZE = "Size" | "Größe";
    TRIANGLES = "Triangles" | "Dreiecke";
    VOLUME = "Volume (less than 0: facing inwards)" | "Volumen (unter 0: nach innen gekehrt)";
    AUTHOR = "Made by" | "Erstellt von";
    SERIAL = "Printed part" | "Gedrucktes Teil";
    FILE = "Print file" | "Druckdatei";
    DIGEST = "Digest of what was sent" | "Prüfsumme des Gesendeten";
    LOTS = "Lots" | "Chargen";
    DOUBTS = "Doubts" | "Zweifel";
    INSPECTIONS = "Inspections" | "Prüfungen";
    INSPECTION = "Inspection" | "Prüfung";
    NUMBER = "Number" | "Nummer";
    VERDICT = "Verdict" | "Urteil";
    PROCESSINGS = "Steps of processing" | "Nachbearbeitungsschritte";
    REWORKS = "Times reworked" | "Nacharbeiten";
    ACCEPTED = "Accepted" | "Angenommen";
    BY = "By" | "Von";
    FAULT = "Nonconformance" | "Abweichung";
    A_PART = "a printed part" | "ein gedrucktes Teil";
    A_CASE = "the case with its released parts" | "der Fall mit seinen freigegebenen Teilen";
    PASS = "passed" | "bestanden";
    FLAG = "passed with a remark" | "bestanden mit Vermerk";
    FAIL = "failed" | "nicht bestanden";
    DOUBT_PAUSED = "paused" | "angehalten";
    DOUBT_INTERRUPTED = "interrupted" | "unterbrochen";
    DOUBT_CONTINUED = "continued after an interruption" | "nach Unterbrechung fortgesetzt";
    DOUBT_RESUMED = "resumed" | "wieder aufgenommen";
    DOUBT_NOT_EXACT = "not exactly its file" | "nicht genau seine Datei";
    DOUBT_HEAT_ALARM = "heat alarm" | "Temperaturalarm";
    DOUBT_QUARANTINED = "was in quarantine" | "war in Quarantäne";
    DOUBT_SUPERSEDED = "of an older revision" | "von einer älteren Revision";
    EXACT_FILE = "exactly the file" | "genau die Datei";
    NOT_SAID = "not said" | "nicht angegeben";
    NOTHING = "nothing" | "nichts";
}
