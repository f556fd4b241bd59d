//! Everything that runs during the benchmark: the upstream, and the proxies in front of it. All files go to one
//! temporary folder; all processes end with their values.

use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Serialize;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::case::{Case, KEY, UPSTREAM_KEY};
use crate::load::{Plan, Reply};
use crate::process::{Cores, Running};
use crate::{Fault, Outcome};

/// How long a proxy may take until it answers.
const START: Duration = Duration::from_secs(10);

/// What stands between the load and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The pass-through proxy of this crate.
    Bare,
    /// The gateway.
    Weir,
    /// nginx with kept upstream connections.
    Nginx,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bare => "bare",
            Self::Weir => "weir",
            Self::Nginx => "nginx",
        })
    }
}

/// What answers behind the proxies.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// The one that is built in.
    Tiny,
    /// This `weir-mimic`, over plain HTTP/1.1.
    Mimic(PathBuf),
    /// This `weir-mimic` over TLS and HTTP/2, with so many streams to a connection.
    Secure(PathBuf, u32),
}

/// The upstream and what is needed to start proxies in front of it.
#[derive(Debug)]
pub struct Site {
    upstream: SocketAddr,
    /// The file with the upstream's certificate authority, when it speaks TLS.
    authority: Option<PathBuf>,
    gateway: Option<PathBuf>,
    nginx: Option<PathBuf>,
    cores: Option<Cores>,
    _upstream: Running,
    folder: TempDir,
}

/// A proxy that answers.
#[derive(Debug)]
pub struct Subject {
    /// Which one.
    pub kind: Kind,
    /// Where it listens.
    pub address: SocketAddr,
    /// From its start to its first answer.
    pub start: Duration,
    running: Running,
}

impl Site {
    /// Starts the upstream; without a gateway only baselines can be put in front of it.
    ///
    /// # Errors
    /// It does not start.
    pub fn open(
        gateway: Option<PathBuf>,
        upstream: &Upstream,
        cores: Option<Cores>,
    ) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = match upstream {
            Upstream::Tiny => ourselves("upstream")?,
            Upstream::Mimic(mimic) | Upstream::Secure(mimic, _) => Command::new(mimic),
        };
        command.args(["--listen", "127.0.0.1:0"]);
        if let Upstream::Secure(_, streams) = upstream {
            command.args(["--tls", "--h2", "--max-streams", &streams.to_string()]);
        }
        let mut running = Running::start("upstream", &mut command, folder.path(), None)?;
        let address = running.address()?;
        let mut authority = None;
        if let Upstream::Secure(..) = upstream {
            let path = folder.path().join("authority.pem");
            fs::write(&path, running.certificate()?)?;
            authority = Some(path);
        }
        Ok(Self {
            upstream: address,
            authority,
            gateway,
            nginx: nginx(),
            cores,
            _upstream: running,
            folder,
        })
    }

    /// Whether nginx is installed.
    #[must_use]
    pub fn has_nginx(&self) -> bool {
        self.nginx.is_some()
    }

    /// Starts a proxy on the measured core and waits until it answers.
    ///
    /// # Errors
    /// Its binary is missing, it ended, or it does not answer within ten seconds; the text shows its log.
    pub async fn start(&self, kind: Kind) -> Outcome<Subject> {
        let folder = tempfile::tempdir_in(self.folder.path())?.keep();
        let mut address = free_address()?;
        let mut command = match kind {
            Kind::Bare => self.bare()?,
            Kind::Weir => self.weir(address, &folder)?,
            Kind::Nginx => self.nginx(address, &folder)?,
        };
        let began = Instant::now();
        let mut running = Running::start(&kind.to_string(), &mut command, &folder, self.cores)?;
        if kind == Kind::Bare {
            address = running.address()?;
        }
        // A proxy that passes everything on has no /readyz; that the upstream knows no such path shows it works.
        while !ready(address).is_some_and(|status| status == 200 || kind != Kind::Weir) {
            running.alive()?;
            if began.elapsed() > START {
                return Err(running.failure("does not answer"));
            }
            sleep(Duration::from_millis(1)).await;
        }
        Ok(Subject {
            kind,
            address,
            start: began.elapsed(),
            running,
        })
    }

    fn bare(&self) -> Outcome<Command> {
        let mut command = ourselves("bare")?;
        command.args(["--upstream", &self.upstream.to_string()]);
        Ok(command)
    }

    fn weir(&self, address: SocketAddr, folder: &Path) -> Outcome<Command> {
        let path = folder.join("weir.yaml");
        fs::write(&path, self.config(address, free_address()?, folder))?;
        let mut command = Command::new(self.gateway.as_ref().ok_or("there is no gateway here")?);
        command.arg("--config").arg(path).current_dir(folder);
        Ok(command)
    }

    fn config(&self, address: SocketAddr, admin: SocketAddr, folder: &Path) -> String {
        let (network, scheme) = match &self.authority {
            Some(path) => (
                format!("network: {{ ca_file: \"{}\" }}\n", path.display()),
                "https",
            ),
            None => (String::new(), "http"),
        };
        let root = format!("{scheme}://{}", self.upstream);
        format!(
            "server: {{ listen: \"{address}\", admin_listen: \"{admin}\", workers: 1 }}\n\
             store: {{ database: \"sqlite:{}/weir.db\" }}\n\
             providers:\n\
             \x20 openai: {{ api_key: \"{UPSTREAM_KEY}\", base_url: \"{root}/v1\" }}\n\
             \x20 anthropic: {{ api_key: \"{UPSTREAM_KEY}\", base_url: \"{root}\" }}\n\
             keys: [ {{ name: bench, value: \"{KEY}\", models: [\"*\"] }} ]\n{network}",
            folder.display()
        )
    }

    fn nginx(&self, address: SocketAddr, folder: &Path) -> Outcome<Command> {
        let path = folder.join("nginx.conf");
        let config = include_str!("nginx.conf")
            .replace("FOLDER", &folder.display().to_string())
            .replace("UPSTREAM", &self.upstream.to_string())
            .replace("LISTEN", &address.to_string());
        fs::write(&path, config)?;
        let mut command = Command::new(self.nginx.as_ref().ok_or("nginx is not installed")?);
        command
            .arg("-c")
            .arg(path)
            .arg("-p")
            .arg(folder)
            .args(["-e", "stderr"]);
        Ok(command)
    }
}

impl Subject {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// The case's request as this proxy takes it.
    #[must_use]
    pub fn plan(&self, case: &Case) -> Plan {
        match self.kind {
            Kind::Weir => case.through_gateway(self.address),
            Kind::Bare | Kind::Nginx => case.through_baseline(self.address),
        }
    }

    /// Explains a failed measurement: which proxy, which case, and the end of the proxy's log.
    pub fn explain(&mut self, case: &str, fault: &Fault) -> Fault {
        self.running.failure(&format!("failed in {case}: {fault}"))
    }
}

fn ourselves(command: &str) -> Outcome<Command> {
    let mut ourselves = Command::new(std::env::current_exe()?);
    ourselves.arg(command);
    Ok(ourselves)
}

fn nginx() -> Option<PathBuf> {
    ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The status of `GET /readyz`, or `None` while nobody answers.
fn ready(address: SocketAddr) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let (mut reply, mut buffer) = (Reply::default(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        if reply.feed(&buffer[..count]).ok()? {
            return Some(reply.status);
        }
    }
}
