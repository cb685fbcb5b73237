//! The table of the keys that an admin may set: those that X2Go Client 4.1.2.2 to 4.1.2.4 reads from a
//! broker's profile, with the values that do something there.

use super::{Kind, SessionKey};

/// Longest text, in bytes: a line of paths to export is the longest that is used.
const TEXT_BYTES_MAX: usize = 4096;
/// Longest icon, in bytes of base64. The client shows 64 by 64 pixels, which is 24 kB when uncompressed.
const ICON_BYTES_MAX: usize = 128 * 1024;

const TEXT: Kind = Kind::Text {
    bytes_max: TEXT_BYTES_MAX,
};
const ICON: Kind = Kind::Text {
    bytes_max: ICON_BYTES_MAX,
};
const PORT: Kind = Kind::Number { min: 1, max: 65535 };
/// X11 gives windows 16-bit sizes and 16-bit signed positions.
const PIXELS: Kind = Kind::Number { min: 1, max: 32767 };

const fn key(name: &'static str, kind: Kind) -> SessionKey {
    SessionKey { name, kind }
}

/// Every key that may stand in a profile, sorted by name. What the broker decides itself, and what the client
/// does not take from a broker, is in [`super::reserved`].
pub const KEYS: &[SessionKey] = &[
    key("autologin", Kind::Flag),
    key("clipboard", Kind::OneOf(&["both", "client", "none", "server"])),
    key("command", TEXT),
    key("defsndport", Kind::Flag),
    key("directrdp", Kind::Flag),
    key("directrdpsettings", TEXT),
    key("directxdmcp", Kind::Flag),
    key("directxdmcpsettings", TEXT),
    key("display", Kind::Number { min: 1, max: 64 }),
    key("dpi", Kind::Number { min: 1, max: 1200 }),
    key("export", TEXT),
    key("fullscreen", Kind::Flag),
    key("height", PIXELS),
    key("icon", ICON),
    key("kdrive", Kind::Flag),
    key("krbdelegation", Kind::Flag),
    key("krblogin", Kind::Flag),
    key("maxdim", Kind::Flag),
    key("multidisp", Kind::Flag),
    key("name", TEXT),
    key("noresize", Kind::Flag),
    key("pack", Kind::PackMethod),
    key("print", Kind::Flag),
    key("published", Kind::Flag),
    key("quality", Kind::Number { min: 0, max: 9 }),
    key("rdpclient", TEXT),
    key("rdpoptions", TEXT),
    key("rdpport", PORT),
    key("rdpserver", TEXT),
    key("rootless", Kind::Flag),
    key("setdpi", Kind::Flag),
    key("sndport", PORT),
    key("sound", Kind::Flag),
    key("soundsystem", Kind::OneOf(&["arts", "esd", "pulse"])),
    key("soundtunnel", Kind::Flag),
    // Any other number leaves a gap in the command line that starts the session.
    key("speed", Kind::Number { min: 0, max: 4 }),
    key("sshproxyautologin", Kind::Flag),
    key("sshproxyhost", TEXT),
    key("sshproxykeyfile", TEXT),
    key("sshproxykrblogin", Kind::Flag),
    key("sshproxyport", PORT),
    key("sshproxysamekey", Kind::Flag),
    key("sshproxysamepass", Kind::Flag),
    key("sshproxysameuser", Kind::Flag),
    key("sshproxytype", Kind::OneOf(&["HTTP", "SSH"])),
    key("sshproxyuser", TEXT),
    key("startsoundsystem", Kind::Flag),
    key("type", TEXT),
    key("usebrokerpass", Kind::Flag),
    key("usebrokerpassforproxy", Kind::Flag),
    key("usebrokeruserforproxy", Kind::Flag),
    key("usekbd", Kind::Flag),
    key("usesshproxy", Kind::Flag),
    key("width", PIXELS),
    key("xdmcpclient", TEXT),
    key("xdmcpserver", TEXT),
    key("xinerama", Kind::Flag),
];
