//! What is printed at the start: where Weir listens, which providers it found, and a curl that
//! works as it stands.

use std::net::SocketAddr;

use weir_config::Config;

/// Keys that were made just now; their only showing.
pub(crate) struct FirstKeys {
    pub admin: String,
    pub caller: String,
}

/// Where the two listeners are.
#[derive(Clone, Copy)]
pub(crate) struct Reached {
    pub api: SocketAddr,
    pub admin: SocketAddr,
}

/// The text.
pub(crate) fn banner(config: &Config, reached: Reached, first: Option<&FirstKeys>) -> String {
    let (api, admin) = (reachable(reached.api), reachable(reached.admin));
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("weir {version}\n\n  API    http://{api}\n  admin  http://{admin}\n");
    let providers: Vec<_> = config.enabled_providers().collect();
    text.push_str(&format!("\n  providers  {}\n", providers.join(", ")));
    let key = match first {
        Some(keys) => {
            text.push_str(&format!(
                "\n  Keys, shown this once:\n    admin    {}\n    virtual  {}\n",
                keys.admin, keys.caller
            ));
            keys.caller.as_str()
        }
        None => {
            text.push_str(
                "\n  The first keys were shown at the first start. Make another virtual key with\n    \
                 WEIR_ADMIN_KEY=sk-weir-admin-... weir keys create --name my-app\n",
            );
            "$WEIR_KEY"
        }
    };
    let model = if config.providers.contains_key("sim") {
        "sim/echo"
    } else {
        "MODEL"
    };
    text.push_str(&format!(
        "\n  Try it (add \"stream\": true for a stream):\n\n\
         curl http://{api}/v1/chat/completions \\\n  -H \"Authorization: Bearer {key}\" \\\n  \
         -H \"Content-Type: application/json\" \\\n  \
         -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello, Weir\"}}]}}'\n\n"
    ));
    text
}

/// An address that a client on this machine can use.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}
