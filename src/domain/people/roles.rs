//! Who may do what: one table, roles by permissions, and the few things that hold beside it.
//!
//! `docs/roles.md` is this table for people; a test compares them. The roles are those of medical-domain.md §6.1.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::name::{PrintedName, UserName};
use crate::domain::ids::TokenId;

/// What somebody is in the lab. One person may be several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks for a model or guide, and approves its design: the clinician.
    Requester,
    Designer,
    Operator,
    Inspector,
    /// Answers for what leaves the lab: the radiologist or quality lead.
    Releaser,
    Materials,
    Maintenance,
    /// Reads what is to be billed, confirms it, and changes nothing else.
    Biller,
    /// Keeps users and settings, and has no say in a case.
    Admin,
    Auditor,
}

impl Role {
    pub const ALL: [Self; 10] = [
        Self::Requester,
        Self::Designer,
        Self::Operator,
        Self::Inspector,
        Self::Releaser,
        Self::Materials,
        Self::Maintenance,
        Self::Biller,
        Self::Admin,
        Self::Auditor,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Requester => "requester",
            Self::Designer => "designer",
            Self::Operator => "operator",
            Self::Inspector => "inspector",
            Self::Releaser => "releaser",
            Self::Materials => "materials",
            Self::Maintenance => "maintenance",
            Self::Biller => "biller",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// What the role is for, in a table for people.
    pub fn means(self) -> &'static str {
        match self {
            Self::Requester => {
                "the clinician who asks for a model, approves its design and says how it helped"
            }
            Self::Designer => "makes models from images, and has them sliced",
            Self::Operator => "runs the printers and finishes what comes off them",
            Self::Inspector => "measures and judges parts",
            Self::Releaser => "answers for what leaves the lab: a radiologist or the quality lead",
            Self::Materials => "keeps the lots",
            Self::Maintenance => "keeps the printers: which board is whose, calibration, qualification",
            Self::Biller => {
                "the coder, who reads what is to be billed, confirms it, and changes nothing else"
            }
            Self::Admin => "keeps users, settings and backups, and has no say in a case",
            Self::Auditor => "reads who did what, and changes nothing",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no role \"{0}\"; the roles are {roles}", roles = words(&Role::ALL))]
pub struct NoRole(String);

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(given: &str) -> Result<Self, NoRole> {
        let found = Self::ALL.into_iter().find(|role| role.word() == given.trim());
        found.ok_or_else(|| NoRole(given.chars().filter(|c| !c.is_control()).take(40).collect()))
    }
}

/// `a, b and c`.
pub fn words<'r>(roles: impl IntoIterator<Item = &'r Role>) -> String {
    let words: Vec<_> = roles.into_iter().map(|role| role.word()).collect();
    match words.split_last() {
        None => "nothing".into(),
        Some((last, [])) => (*last).into(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}

/// One thing that somebody may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    Look,
    Stop,
    OwnAccount,
    OpenCase,
    AcceptCase,
    Design,
    HoldCase,
    ApproveDesign,
    Release,
    Deliver,
    Assess,
    Upload,
    Slice,
    Queue,
    AcceptFindings,
    StartJob,
    PauseJob,
    ResumeJob,
    CancelJob,
    MakeResumeFile,
    AnswerPrinter,
    ClearBed,
    ClearLatch,
    Identify,
    Console,
    PostProcess,
    Inspect,
    RaiseNonconformance,
    Dispose,
    Sign,
    KeepMaterial,
    LoadMaterial,
    TendVat,
    QualifyPrinters,
    ReadVault,
    WriteVault,
    ResealVault,
    ReadMessages,
    WriteMessages,
    RecordEffort,
    ReadReports,
    ConfirmUnits,
    ExportRegistry,
    ManageUsers,
    Settings,
    ReadAudit,
    Backup,
    Restore,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub permission: Permission,
    /// Goes on after "may".
    pub does: &'static str,
    pub roles: &'static [Role],
}

const fn rule(permission: Permission, does: &'static str, roles: &'static [Role]) -> Rule {
    Rule { permission, does, roles }
}

/// Who may do what. A permission that a role is not named for is not that role's.
pub const TABLE: [Rule; 48] = {
    use Permission as P;
    use Role::*;
    [
        rule(P::Look, "see printers, jobs, cases and files, without patients", &Role::ALL),
        rule(P::Stop, "stop printers", &Role::ALL),
        rule(P::OwnAccount, "change their own password, tokens and notices", &Role::ALL),
        rule(P::OpenCase, "open a case and ask for it", &[Requester, Designer, Operator]),
        rule(P::AcceptCase, "accept a case for the lab", &[Designer, Releaser]),
        rule(P::Design, "add parts and revisions to a case", &[Designer]),
        rule(P::HoldCase, "hold, cancel or reopen a case", &[Requester, Designer, Releaser]),
        rule(P::ApproveDesign, "approve a design before it is printed", &[Requester, Releaser]),
        rule(P::Release, "release or recall parts and cases", &[Releaser]),
        rule(P::Deliver, "hand over released parts", &[Operator, Releaser]),
        rule(P::Assess, "say how a part helped", &[Requester]),
        rule(P::Upload, "upload files", &[Designer, Operator]),
        rule(P::Slice, "have models sliced", &[Designer, Operator]),
        rule(P::Queue, "queue jobs", &[Designer, Operator]),
        rule(P::AcceptFindings, "accept warnings about a file", &[Designer, Operator]),
        rule(P::StartJob, "start a job that waits for a person", &[Operator]),
        rule(P::PauseJob, "pause a job", &[Operator, Maintenance]),
        rule(P::ResumeJob, "resume a paused job", &[Operator]),
        rule(P::CancelJob, "cancel a job", &[Designer, Operator]),
        rule(P::MakeResumeFile, "go on with an interrupted part", &[Operator]),
        rule(P::AnswerPrinter, "answer what a printer asks", &[Operator, Maintenance]),
        rule(P::ClearBed, "say that a bed is clear", &[Operator, Maintenance]),
        rule(P::ClearLatch, "say that a locked printer may be used again", &[Operator, Maintenance]),
        rule(P::Identify, "say which board is a printer's", &[Maintenance]),
        rule(P::Console, "send a printer commands", &[Maintenance]),
        rule(P::PostProcess, "record steps after printing", &[Operator]),
        rule(P::Inspect, "inspect parts", &[Inspector]),
        rule(
            P::RaiseNonconformance,
            "report that something is not as it should be",
            &[Designer, Operator, Inspector, Releaser, Materials, Maintenance],
        ),
        rule(P::Dispose, "decide what becomes of a part that is not as it should be", &[Releaser]),
        rule(P::Sign, "sign", &[Requester, Designer, Operator, Inspector, Releaser]),
        rule(P::KeepMaterial, "take in, open, block or use up lots", &[Materials]),
        rule(P::LoadMaterial, "load a lot into a printer", &[Operator, Materials]),
        rule(P::TendVat, "tend a resin printer's vat, film and display", &[Operator, Maintenance]),
        rule(P::QualifyPrinters, "qualify and calibrate printers", &[Maintenance]),
        rule(P::ReadVault, "see who a case is for", &[Requester, Designer, Releaser]),
        rule(P::WriteVault, "write down who a case is for", &[Requester, Designer]),
        rule(P::ResealVault, "have the vault sealed with another key", &[Admin]),
        rule(
            P::ReadMessages,
            "read what is said on a case",
            &[Requester, Designer, Operator, Inspector, Releaser, Materials, Maintenance, Biller, Auditor],
        ),
        rule(
            P::WriteMessages,
            "write on a case",
            &[Requester, Designer, Operator, Inspector, Releaser, Materials, Maintenance],
        ),
        rule(
            P::RecordEffort,
            "record time and money spent on a case",
            &[Requester, Designer, Operator, Inspector, Releaser],
        ),
        rule(
            P::ReadReports,
            "read reports, counts and costs",
            &[Designer, Operator, Inspector, Releaser, Materials, Maintenance, Biller, Admin, Auditor],
        ),
        rule(P::ConfirmUnits, "confirm the units of a case", &[Biller]),
        rule(P::ExportRegistry, "export for a registry", &[Releaser, Biller]),
        rule(P::ManageUsers, "add, change and disable users", &[Admin]),
        rule(P::Settings, "change templates, rates and code tables", &[Releaser, Admin]),
        rule(P::ReadAudit, "read and verify the journal", &[Admin, Auditor]),
        rule(P::Backup, "copy the journal and all files", &[Admin]),
        rule(P::Restore, "begin anew from a copy", &[Admin]),
    ]
};

impl Permission {
    pub fn rule(self) -> &'static Rule {
        // The table is in the order of the enum and complete: a test says so.
        &TABLE[self as usize]
    }

    pub fn roles(self) -> &'static [Role] {
        self.rule().roles
    }

    /// Whoever stands before a printer may stop it, signed in or not.
    pub fn is_everybody_s(self) -> bool {
        self == Self::Stop
    }

    /// A token lies in a script: what binds a person, or would make more tokens, is not done with one.
    pub fn is_barred_to_tokens(self) -> bool {
        matches!(
            self,
            Self::OwnAccount
                | Self::ManageUsers
                | Self::Sign
                | Self::ApproveDesign
                | Self::Release
                | Self::Dispose
                | Self::ReadVault
                | Self::WriteVault
                | Self::ResealVault
        )
    }

    /// A password that an admin chose is known to two: nothing else is done with it than choosing another.
    fn is_done_with_a_password_of_another_s(self) -> bool {
        matches!(self, Self::Stop | Self::OwnAccount)
    }
}

/// How somebody has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    Session(TokenId),
    Token(TokenId),
}

/// Somebody who has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub name: UserName,
    pub printed: PrintedName,
    /// Of a token: those that it was issued for and its owner still has.
    pub roles: BTreeSet<Role>,
    pub means: Means,
    /// Nobody else knows their password.
    pub own_password: bool,
}

/// Why somebody may not do something: what, and who may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("{who} may not {}: that needs the role {needs}, and {who} is {is}; ask somebody who has it, or an admin for it",
        .permission.rule().does, needs = words_or(.permission.roles()), is = words(.is))]
    Role { who: UserName, permission: Permission, is: BTreeSet<Role> },
    #[error("an API token may not {}: sign in with your password for that", .permission.rule().does)]
    Token { permission: Permission },
    #[error("the password of {who} was chosen by somebody else; choose your own first, then you may {}",
        .permission.rule().does)]
    PasswordOfAnother { who: UserName, permission: Permission },
}

fn words_or(roles: &[Role]) -> String {
    words(roles).replace(" and ", " or ")
}

impl Who {
    /// Whether they may do it; the rules of what is done come on top.
    pub fn may(&self, permission: Permission) -> Result<(), Forbidden> {
        if permission.is_everybody_s() {
            return Ok(());
        }
        if !self.roles.iter().any(|role| permission.roles().contains(role)) {
            let (who, is) = (self.name.clone(), self.roles.clone());
            return Err(Forbidden::Role { who, permission, is });
        }
        if matches!(self.means, Means::Token(_)) && permission.is_barred_to_tokens() {
            return Err(Forbidden::Token { permission });
        }
        if !self.own_password && !permission.is_done_with_a_password_of_another_s() {
            return Err(Forbidden::PasswordOfAnother { who: self.name.clone(), permission });
        }
        Ok(())
    }
}

/// `docs/roles.md`, as the table has it.
pub fn document() -> String {
    let mut page = String::from(
        "# Who may do what\n\n\
         Asked for from the day on which somebody is set up ([people.md](people.md)); before that, everybody may do everything.\n\n\
         A user has one role or several, and may do what any of them may. This page is made from `TABLE` in\n\
         `src/domain/people/roles.rs`; a test compares them (`PLATEN_WRITE_DOCS=1 cargo test roles` writes it anew).\n\n\
         | role | who that is |\n|---|---|\n",
    );
    for role in Role::ALL {
        page.push_str(&format!("| `{role}` | {} |\n", role.means()));
    }
    page.push_str("\n## The table\n\n| may | ");
    page.push_str(&Role::ALL.map(Role::word).join(" | "));
    page.push_str(" |\n|---|");
    page.push_str(&"---|".repeat(Role::ALL.len()));
    page.push('\n');
    for rule in TABLE {
        let cells = Role::ALL.map(|role| if rule.roles.contains(&role) { "yes" } else { "" });
        page.push_str(&format!("| {} | {} |\n", rule.does, cells.join(" | ")));
    }
    let barred: Vec<_> = TABLE.iter().filter(|rule| rule.permission.is_barred_to_tokens()).collect();
    page.push_str(
        "\n## What holds beside it\n\n\
         - Everybody may stop a printer, also without signing in.\n\
         - Nobody changes their own roles or disables themselves, and the last active admin stays one.\n\
         - A password that an admin chose serves to choose another one, and for nothing else.\n\
         - A signature asks for the password again, however short ago it was given.\n\
         - An API token has roles of its owner's, never more, and loses them with its owner. With a token nobody may:\n",
    );
    for rule in barred {
        page.push_str(&format!("  - {}\n", rule.does));
    }
    page.push_str(
        "\nRestoring a copy is done at the machine, without the daemon, by whoever owns its state folder.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written apart from the table: requester, designer, operator, inspector, releaser, materials, maintenance,
    /// biller, admin, auditor.
    const WANTED: &str = "
        Look                 x x x x x x x x x x
        Stop                 x x x x x x x x x x
        OwnAccount           x x x x x x x x x x
        OpenCase             x x x . . . . . . .
        AcceptCase           . x . . x . . . . .
        Design               . x . . . . . . . .
        HoldCase             x x . . x . . . . .
        ApproveDesign        x . . . x . . . . .
        Release              . . . . x . . . . .
        Deliver              . . x . x . . . . .
        Assess               x . . . . . . . . .
        Upload               . x x . . . . . . .
        Slice                . x x . . . . . . .
        Queue                . x x . . . . . . .
        AcceptFindings       . x x . . . . . . .
        StartJob             . . x . . . . . . .
        PauseJob             . . x . . . x . . .
        ResumeJob            . . x . . . . . . .
        CancelJob            . x x . . . . . . .
        MakeResumeFile       . . x . . . . . . .
        AnswerPrinter        . . x . . . x . . .
        ClearBed             . . x . . . x . . .
        ClearLatch           . . x . . . x . . .
        Identify             . . . . . . x . . .
        Console              . . . . . . x . . .
        PostProcess          . . x . . . . . . .
        Inspect              . . . x . . . . . .
        RaiseNonconformance  . x x x x x x . . .
        Dispose              . . . . x . . . . .
        Sign                 x x x x x . . . . .
        KeepMaterial         . . . . . x . . . .
        LoadMaterial         . . x . . x . . . .
        TendVat              . . x . . . x . . .
        QualifyPrinters      . . . . . . x . . .
        ReadVault            x x . . x . . . . .
        WriteVault           x x . . . . . . . .
        ResealVault          . . . . . . . . x .
        ReadMessages         x x x x x x x x . x
        WriteMessages        x x x x x x x . . .
        RecordEffort         x x x x x . . . . .
        ReadReports          . x x x x x x x x x
        ConfirmUnits         . . . . . . . x . .
        ExportRegistry       . . . . x . . x . .
        ManageUsers          . . . . . . . . x .
        Settings             . . . . x . . . x .
        ReadAudit            . . . . . . . . x x
        Backup               . . . . . . . . x .
        Restore              . . . . . . . . x .
    ";

    fn who(roles: &[Role], means: fn(TokenId) -> Means, own_password: bool) -> Who {
        Who {
            name: "kim".parse().unwrap(),
            printed: "Kim Lee".parse().unwrap(),
            roles: roles.iter().copied().collect(),
            means: means(TokenId::from_entropy([1; 16])),
            own_password,
        }
    }

    #[test]
    fn every_cell_of_roles_and_permissions_is_the_wanted_one() {
        let rows: Vec<&str> = WANTED.lines().map(str::trim).filter(|row| !row.is_empty()).collect();
        assert_eq!(rows.len(), TABLE.len());
        for (row, rule) in rows.into_iter().zip(TABLE) {
            let mut cells = row.split_whitespace();
            assert_eq!(cells.next().unwrap(), format!("{:?}", rule.permission));
            let cells: Vec<&str> = cells.collect();
            assert_eq!(cells.len(), Role::ALL.len(), "{row}");
            for (role, cell) in Role::ALL.into_iter().zip(cells) {
                let person = who(&[role], Means::Session, true);
                let may = person.may(rule.permission);
                // Stopping is nobody's right and everybody's.
                assert_eq!(may.is_ok(), cell == "x", "{role} {:?}", rule.permission);
                assert_eq!(rule.roles.contains(&role), cell == "x", "{role} {:?}", rule.permission);
            }
        }
    }

    #[test]
    fn the_table_has_every_permission_once_in_the_order_of_the_enum() {
        for (at, rule) in TABLE.iter().enumerate() {
            assert_eq!(rule.permission as usize, at);
            assert!(
                !rule.roles.is_empty() && rule.roles.windows(2).all(|pair| pair[0] < pair[1]),
                "{rule:?}"
            );
        }
        assert_eq!(Permission::Restore as usize + 1, TABLE.len(), "the last of the enum is in it");
        assert!(Role::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn roles_add_up_and_none_of_them_is_nothing_but_a_hand_on_the_stop() {
        let both = who(&[Role::Operator, Role::Inspector], Means::Session, true);
        assert!(both.may(Permission::Inspect).is_ok() && both.may(Permission::ClearBed).is_ok());
        assert!(both.may(Permission::Release).is_err());
        let none = who(&[], Means::Session, true);
        let allowed: Vec<_> = TABLE
            .iter()
            .filter(|rule| none.may(rule.permission).is_ok())
            .map(|rule| rule.permission)
            .collect();
        assert_eq!(allowed, [Permission::Stop]);
    }

    #[test]
    fn everybody_may_stop_however_they_came_in() {
        for means in [Means::Session, Means::Token] {
            for own in [true, false] {
                assert!(who(&[], means, own).may(Permission::Stop).is_ok());
            }
        }
    }

    #[test]
    fn a_token_does_nothing_that_binds_a_person_or_makes_more_tokens() {
        let token = who(&Role::ALL, Means::Token, true);
        let refused: Vec<_> = TABLE
            .iter()
            .filter(|rule| token.may(rule.permission).is_err())
            .map(|rule| rule.permission)
            .collect();
        use Permission as P;
        assert_eq!(
            refused,
            [
                P::OwnAccount,
                P::ApproveDesign,
                P::Release,
                P::Dispose,
                P::Sign,
                P::ReadVault,
                P::WriteVault,
                P::ResealVault,
                P::ManageUsers
            ]
        );
    }

    #[test]
    fn with_a_password_that_an_admin_chose_one_stops_and_chooses_another() {
        let new = who(&Role::ALL, Means::Session, false);
        let allowed: Vec<_> = TABLE
            .iter()
            .filter(|rule| new.may(rule.permission).is_ok())
            .map(|rule| rule.permission)
            .collect();
        assert_eq!(allowed, [Permission::Stop, Permission::OwnAccount]);
    }

    #[test]
    fn a_no_says_who_what_and_who_may() {
        let operator = who(&[Role::Operator], Means::Session, true);
        assert_eq!(
            operator.may(Permission::ApproveDesign).unwrap_err().to_string(),
            "kim may not approve a design before it is printed: that needs the role requester or releaser, \
             and kim is operator; ask somebody who has it, or an admin for it"
        );
        let token = who(&[Role::Admin], Means::Token, true);
        assert_eq!(
            token.may(Permission::ManageUsers).unwrap_err().to_string(),
            "an API token may not add, change and disable users: sign in with your password for that"
        );
        let new = who(&[Role::Operator], Means::Session, false);
        assert_eq!(
            new.may(Permission::ClearBed).unwrap_err().to_string(),
            "the password of kim was chosen by somebody else; choose your own first, then you may say that a bed is clear"
        );
    }

    #[test]
    fn a_role_is_read_back_from_its_word() {
        for role in Role::ALL {
            assert_eq!(role.word().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.word());
        }
        let error = "root\u{1b}[1m".parse::<Role>().unwrap_err().to_string();
        assert!(
            error.starts_with("there is no role \"root[1m\"; the roles are requester, designer"),
            "{error}"
        );
    }

    #[test]
    fn the_page_about_roles_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/roles.md");
        if std::env::var_os("PLATEN_WRITE_DOCS").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(page, document(), "PLATEN_WRITE_DOCS=1 cargo test roles writes it anew");
    }
}
