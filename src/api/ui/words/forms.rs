//! What is said of what a button has done.

use super::texts;

texts! {
    TITLE = "Done or not" | "Erledigt oder nicht";
    TO_THE_FARM = "To the farm" | "Zur Farm";
    STOP_SENT = "Stop is sent to {printers}." | "Der Halt ist gesendet an {printers}.";
    STOP_NOT_SENT = "No stop could be sent to {printers}: not connected. Switch off by hand if it moves." | "An {printers} konnte kein Halt gesendet werden: nicht verbunden. Von Hand ausschalten, wenn sich etwas bewegt.";
    STOP_NONE = "There is no printer to stop." | "Es gibt keinen Drucker anzuhalten.";
    BED_NOTED = "The bed of {printer} is noted as clear." | "Das Bett von {printer} ist als leer vermerkt.";
    MAY_BE_USED = "{printer} may be used again." | "{printer} darf wieder benutzt werden.";
    OWN_BOARD = "The board on the port of {printer} is noted as its own." | "Die Platine am Anschluss von {printer} ist als die eigene vermerkt.";
    BEGINS = "Job {job} begins in a moment." | "Auftrag {job} beginnt gleich.";
    ACCEPTED = "What was found in the file of job {job} is accepted: {codes}." | "Was in der Datei von Auftrag {job} gefunden wurde, ist hingenommen: {codes}.";
    JOB_IS = "Job {job} is {state}." | "Auftrag {job}: {state}.";
    LOOK_AT_IT = "Look at it: {why}." | "Nachsehen: {why}.";
    QUEUED = "It is queued as job {job}." | "Eingereiht als Auftrag {job}.";
    PUT_AWAY = "The file is put away." | "Die Datei ist weggelegt.";
    TOLD = "{printer} is told." | "{printer} weiß es.";
    CONSOLE_SAID = "What {printer} said to" | "Was {printer} sagte zu";
    CONSOLE_NOTHING = "Nothing." | "Nichts.";
    CONSOLE_CUT = "More came than is shown." | "Es kam mehr, als gezeigt wird.";
    CONSOLE_NOT_DONE = "It has not said that it is done." | "Er hat nicht gesagt, dass er fertig ist.";
}
