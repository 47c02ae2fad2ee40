//! Limits that are not configuration: every queue, body, depth and name has one. The unit stands last in the name.

/// Largest request body that the server reads, in bytes (a model is at most 256 KiB, a write batch 512 KiB).
pub const BODY_BYTES: usize = 640 * 1024;
/// Largest form body (token, login, consent), in bytes.
pub const FORM_BODY_BYTES: usize = 32 * 1024;
/// Longest value of one OAuth parameter, in bytes.
pub const PARAMETER_BYTES: usize = 8 * 1024;
/// Largest number of parameters in one OAuth request.
pub const PARAMETERS: usize = 64;
/// Longest username or e-mail address, in characters.
pub const IDENTIFIER_CHARS: usize = 254;
/// Longest password, in characters (never truncated; SECURITY R2).
pub const PASSWORD_CHARS: usize = 1024;
/// Most redirect URIs a client may register.
pub const REDIRECT_URIS: usize = 100;
/// Writes that one SQLite commit gathers before it must finish.
pub const GROUP_COMMIT_WRITES: u32 = 128;
