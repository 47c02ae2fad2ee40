//! The HTTP edge shared by all pages and endpoints: what happens to every request, whatever it asks for.
//!
//! From the outside in: [`observe`] gives the request its id and its client's address, writes the log line and counts; a
//! panic becomes a 500; [`headers`] sets what every answer carries; [`path`] refuses ambiguous paths and [`query`] API keys in URLs; [`timeout`] and the body
//! limit bound the work; [`place`] finds the route where the issuer has a path; [`client_certificate`] finds the certificate that came with the connection. [`problem`] is the error of the JSON APIs, [`health`] tells load balancers how the process is.

pub mod client_address;
pub mod client_certificate;
pub mod headers;
pub mod health;
mod media_type;
pub mod observe;
pub mod path;
pub mod place;
pub mod problem;
pub mod query;
pub mod request_id;
pub mod timeout;

pub use client_address::ClientAddress;
pub use client_certificate::ClientCertificate;
pub use health::router;
pub use media_type::is_media_type;
pub use problem::Problem;
pub use request_id::RequestId;
