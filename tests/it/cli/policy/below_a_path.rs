//! A server whose issuer has a path, as the command line calls it.

use super::{ask, policy, token, with_store};

#[tokio::test]
async fn a_server_below_a_path_is_named_with_it() {
    let (place, id) = with_store();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap().to_string();
    drop(free);
    let issuer = format!("http://{listen}/auth/x");
    let served = place.serve(&["--listen", &listen, "--issuer", &issuer]);
    assert_eq!(served.url, issuer);
    let token = token(&served.url).await;
    let flags = ["--server", &issuer, "--store", &id, "--token", &token];
    policy(&place, &["import", "docs.csv"], &flags);
    ask(&place, &flags);
}
