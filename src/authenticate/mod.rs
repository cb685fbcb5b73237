//! Who is it? Tickets and passwords.

mod settings;

pub use settings::Settings;
