//! Which problems a route may answer with, for its description: one name for each thing that a
//! route does, so that no route forgets what all of its kind can say.

use std::collections::BTreeMap;

use utoipa::openapi::response::Response;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use super::Problem;

/// What a problem's body is declared as, and sent as.
pub const PROBLEM: &str = "application/problem+json";

type Responses = BTreeMap<String, RefOr<Response>>;

fn problem(description: &str) -> RefOr<Response> {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    ResponseBuilder::new().description(description).content(PROBLEM, body).build().into()
}

macro_rules! answers {
    ($($(#[$about:meta])* $name:ident: $($before:ident)? { $($status:literal $description:literal,)* })*) => {$(
        $(#[$about])*
        #[derive(Debug)]
        pub enum $name {}

        impl IntoResponses for $name {
            fn responses() -> Responses {
                let mut all = Responses::new();
                $(all.extend($before::responses());)?
                $(all.insert($status.to_string(), problem($description));)*
                all
            }
        }
    )*};
}

answers! {
    /// Any route.
    Open: {
        400 "The request cannot be read, or a name in it is none",
        405 "The path does not take the method",
        421 "The request names a host that is not this platen's",
    }
    /// A route that asks who it is.
    Told: Open {
        401 "People are set up, and nobody is signed in or not any more",
        403 "Who asks may not do that",
        409 "Somebody else is signed in than whom the page that asks was made for (`Platen-For`)",
        429 "Too many wrong keys came from this address",
    }
    /// A route that a page from elsewhere must not use.
    Ordered: Told {
        403 "Who asks may not do that, or a page from elsewhere asks for a change",
        413 "The body is too large",
    }
    /// A change of the journal, asked for in JSON.
    Changed: Ordered {
        415 "The body is not declared as JSON",
        500 "The journal could not be written",
        503 "platen is shutting down, or too much waits for the broker",
        507 "The disk is full",
    }
    /// What the request names.
    NoSuch: {
        404 "There is nothing of this name",
    }
    /// What may be done only now and then.
    Timely: {
        409 "Not in the present state",
    }
    /// A change of the quality half, which has its rules.
    Ruled: Changed {
        404 "There is nothing of this name",
        409 "Not by the rules, as things are now",
        422 "What is said makes no sense, whatever the state of things is",
    }
    /// Something about who a case is for.
    Vaulted: Changed {
        404 "There is nothing of this name, or nothing is kept of the case",
        409 "Nobody is set up here, or somebody else changed what is kept meanwhile",
        503 "There is no vault, or it is closed, or platen is shutting down",
    }
    /// What is sealed, as it lies there.
    Lying: Told {
        404 "There is nothing of this name",
        500 "The vault's folder cannot be read",
    }
    /// A question to a printer itself.
    Asked: {
        422 "The command is not one that may be sent",
        504 "The printer did not answer",
    }
    /// A file that is read again.
    Read: NoSuch {
        410 "The file on the disk is not what was uploaded",
        422 "The file cannot be printed",
        500 "The file or the journal cannot be read or written",
    }
    /// A file that is drawn.
    Drawn: NoSuch {
        410 "The file on the disk has lost its content",
        422 "The file cannot be drawn",
        500 "The file cannot be read, or not be drawn",
    }
    /// A file that is taken in.
    Uploaded: Ordered {
        408 "The upload stopped in the middle, or was too slow",
        413 "The file is larger than upload_max_mb",
        422 "The file cannot be printed",
        500 "The file could not be written",
        503 "Too many files are on their way already",
        507 "The disk is full",
    }
    /// A photo that is taken in.
    Photographed: Uploaded {
        413 "The photo is larger than 8 MB, or than upload_max_mb",
        422 "It is no photo, or none that is kept here",
    }
    /// An inspection, which may name photos.
    Inspected: Ruled {
        410 "A photo on the disk is not what was uploaded",
    }
    /// Files as they lie on the disk.
    Kept: {
        500 "The files cannot be read",
    }
    Gone: NoSuch {
        410 "The file on the disk has lost its content",
    }
    Streamed: {
        409 "Beyond the journal's end",
        503 "Too many read the stream already",
    }
    /// A change of people, or of the file of hashes.
    OfPeople: Changed {
        409 "Not in the present state, or nobody is set up",
        429 "Too many wrong passwords; wait",
    }
    /// A password, by which somebody comes in.
    SigningIn: OfPeople {
        401 "The name or the password is wrong",
        403 "A page from elsewhere asks for a change",
    }
    Stopping: Open {
        403 "A page from elsewhere asks for a change",
        413 "The body is too large",
        404 "There is no printer of this name",
        503 "platen is shutting down",
        504 "Every printer was told, and not every one confirmed",
    }
    Audited: Told {
        500 "The journal cannot be read",
        503 "The journal changed all the time, or platen is shutting down",
    }
    /// A report, which reads the journal.
    Reported: Told {
        404 "There is nothing of this name",
        500 "The journal, or a table under [counting], cannot be read",
        503 "platen is shutting down",
        507 "The disk is full, so that it could not be noted that the report is made",
    }
}
