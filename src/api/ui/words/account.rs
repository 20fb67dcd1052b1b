//! What the account says, and the page to sign in.

use super::texts;

texts! {
    TITLE = "Account" | "Konto";
    SIGN_IN = "Sign in" | "Anmelden";
    AT_THE_SITE = "Sign in with the hospital's account" | "Mit dem Konto der Klinik anmelden";
    EMERGENCY = "A password is for emergencies, when that does not answer. Its use is told to the admins." | "Ein Passwort ist für Notfälle, wenn jene Anmeldung nicht antwortet. Seine Benutzung wird den Verwaltern gemeldet.";
    STOP_HERE = "Stop a printer" | "Einen Drucker anhalten";
    WITHOUT = "without signing in" | "ohne Anmeldung";
    NOT_DONE = "Not done." | "Nicht erledigt.";
    NOBODY_HERE = "Nobody is signed in here, or not any more." | "Hier ist niemand angemeldet, oder nicht mehr.";
    THEN_AGAIN = "Then press the button again." | "Dann den Knopf noch einmal drücken.";
    CHOOSE_FIRST = "Choose your own password first." | "Wählen Sie zuerst ein eigenes Passwort.";
    CHOOSE_WHY = "Somebody else has chosen this one; until then you can stop printers, and nothing else." | "Dieses hat jemand anderes gewählt; bis dahin können Sie Drucker anhalten und sonst nichts.";
    REVOKE_ASK = "Revoke the token “{label}”? The program that has it is not let in any more; it needs a new one." | "Den Schlüssel „{label}“ entziehen? Das Programm, das ihn hat, kommt nicht mehr hinein; es braucht einen neuen.";
    LABEL_RULE = "Letters, digits, spaces and . - _" | "Buchstaben, Ziffern, Leerzeichen und . - _";
    PASSWORD_OLD = "The one you have" | "Das jetzige";
    PASSWORD_NEW = "Another, 12 characters at least" | "Ein anderes, mindestens 12 Zeichen";
    PASSWORD_AGAIN = "The same again" | "Dasselbe noch einmal";
    PASSWORD_CHANGE = "Change it" | "Ändern";
    PASSWORD_CHANGED = "The new password holds, and everywhere else you are signed out." | "Das neue Passwort gilt, und überall sonst sind Sie abgemeldet.";
    PASSWORDS_DIFFER = "the two new passwords differ; nothing was changed" | "die beiden neuen Passwörter sind verschieden; nichts wurde geändert";
    TYPE_TWICE = "go back and type the new one twice" | "zurückgehen und das neue zweimal eingeben";
    TOKENS = "Tokens for programs" | "Schlüssel für Programme";
    TOKENS_OF = "{n} of {most}" | "{n} von {most}";
    NO_TOKEN = "None. A program that speaks with platen needs one." | "Keine. Ein Programm, das mit platen spricht, braucht einen.";
    SINCE = "since {time}" | "seit {time}";
    REVOKE = "Revoke" | "Entziehen";
    REVOKED = "The token is void." | "Der Schlüssel gilt nicht mehr.";
    WHAT_FOR = "What for" | "Wofür";
    ROLES = "Roles, apart by spaces" | "Rollen, durch Leerzeichen getrennt";
    MAKE_TOKEN = "Make a token" | "Schlüssel machen";
    NOTE_TOKEN = "Note this token now: nobody can show it again." | "Diesen Schlüssel jetzt notieren: niemand kann ihn noch einmal zeigen.";
    TO_ACCOUNT = "Back to the account" | "Zurück zum Konto";
    PROGRAMS = "Programs that ask for a token" | "Programme, die um einen Schlüssel bitten";
    NO_PROGRAM = "None. One that does is here until it gives up; load the page again to see it." | "Keine. Eines, das bittet, steht hier, bis es aufgibt; die Seite neu laden, um es zu sehen.";
    PROGRAM_WARNING = "Grant only one that you have just set up yourself: what it calls itself nobody has checked. It fetches a token of yours, to upload and queue." | "Nur gewähren, was Sie eben selbst eingerichtet haben: wie es sich nennt, hat niemand geprüft. Es holt sich einen Schlüssel von Ihnen, zum Hochladen und Einreihen.";
    PROGRAM_SINCE = "since {time}, at {place}" | "seit {time}, bei {place}";
    PROGRAM_FOR = "says it is for {user}" | "sagt, es sei für {user}";
    GRANT = "Grant" | "Gewähren";
    DENY = "Deny" | "Ablehnen";
    GRANTED = "It is granted: the program fetches its token, and the account lists it. If it does not, the token is revoked." | "Gewährt: das Programm holt seinen Schlüssel, und das Konto führt ihn auf. Holt es ihn nicht, wird er entzogen.";
    DENIED = "It gets none." | "Es bekommt keinen.";
    LOOKS = "How the page looks here" | "Wie die Seite hier aussieht";
    KEYS = "Single keys, such as g and ?" | "Einzelne Tasten, etwa g und ?";
    KEYS_ON = "Do something" | "Tun etwas";
    KEYS_OFF = "Do nothing" | "Tun nichts";
    LOOKS_SAVE = "Use this" | "So anzeigen";
}
