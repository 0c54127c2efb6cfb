//! Runs the product's program: a cluster of three cosigners and one agent on this machine. Every process that it starts ends
//! with it.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::recording::root;

const COSIGNERS: [&str; 3] = ["c1", "c2", "c3"];
const NODE: &str = "node-a";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Where `init --local` puts ports, counted from the base port: four for each cosigner, the agents' from 100 on.
const COSIGNER_PORTS: u16 = 12;
const AGENT_PORTS: [u16; 2] = [100, 101];

/// A cluster in a folder of its own.
pub struct Cluster {
    dir: TempDir,
    program: PathBuf,
    running: Vec<(&'static str, Child)>,
}

impl Cluster {
    /// Makes the cluster's files. Starts nothing.
    pub fn make() -> Cluster {
        let dir = tempfile::tempdir().unwrap();
        let cluster = Cluster { program: program(dir.path()), dir, running: Vec::new() };
        let (folder, pem) = (cluster.folder(), root().join("testdata/node-1.secret_key.pem"));
        let base = free_ports().to_string();
        let mut init = cluster.command(["init", "--local", "--chain", "casper-example", "--threshold", "2"]);
        init.arg("--dir").arg(&folder).arg("--validator-pem").arg(&pem);
        init.args(["--operator", "operator", "--main", NODE, "--node", NODE, "--node", "node-b", "--base-port", &base]);
        // Least times so short that no request of the recording comes too early.
        init.args(["--min-era-time", "1s", "--min-block-time", "10ms"]);
        // The agent of node-b never runs.
        init.args(["--witness-wait", "3s"]);
        init.args(COSIGNERS.iter().flat_map(|name| ["--cosigner", name]));
        run(&mut init);
        run(cluster.command(["keygen", "split", "--pem"]).arg(&pem).arg("--into").arg(&folder));
        for name in COSIGNERS {
            let mut init =
                cluster.command(["cosigner", "init", "--first-era", "0", "--first-height", "0", "--again", "0/0"]);
            run(init.arg("--config").arg(cluster.config(name)).args(["--without", "node-b"]));
        }
        run(cluster.command(["agent", "init", "--config"]).arg(cluster.config(NODE)));
        cluster
    }

    /// Starts all cosigners and the agent.
    pub fn start(&mut self) {
        for name in COSIGNERS {
            self.launch(name, "cosigner");
        }
        self.launch(NODE, "agent");
    }

    /// Waits until every cosigner is ready and one leads. How the nodes are does not matter.
    pub fn ready(&self) {
        self.await_status("ready", |status| {
            let cosigners = status["cosigners"].as_array().unwrap();
            status["leader"] != "" && cosigners.iter().all(|cosigner| cosigner["ready"] == true)
        });
    }

    /// Kills the cosigner that leads.
    pub fn kill_leader(&mut self) {
        let status = self.await_status("led", |status| !status["leader"].as_str().unwrap_or_default().is_empty());
        self.kill(status["leader"].as_str().unwrap());
    }

    /// Kills the agent and starts it again.
    pub fn restart_agent(&mut self) {
        self.kill(NODE);
        self.launch(NODE, "agent");
    }

    /// The agent's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder().join(NODE).join("signer.sock")
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("c")
    }

    fn config(&self, name: &str) -> PathBuf {
        let file = if name == NODE { "agent.toml" } else { "cosigner.toml" };
        self.folder().join(name).join(file)
    }

    fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args);
        command
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.log"))
    }

    fn launch(&mut self, name: &'static str, role: &str) {
        let log = File::options().append(true).create(true).open(self.log(name)).unwrap();
        let mut command = self.command([role, "run", "--config"]);
        command.arg(self.config(name)).stdout(log.try_clone().unwrap()).stderr(log);
        self.running.push((name, command.spawn().unwrap()));
    }

    fn kill(&mut self, name: &str) {
        let at = self.running.iter().position(|(running, _)| *running == name).unwrap();
        let (_, mut child) = self.running.swap_remove(at);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn await_status(&self, what: &str, wished: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let mut command = self.command(["status", "-o", "json", "--config"]);
            // The exit code says how well the cluster is, and so does the output.
            let output = command.arg(self.folder().join("operator/operator.toml")).output().unwrap();
            match serde_json::from_slice(&output.stdout) {
                Ok(status) if wished(&status) => return status,
                status => assert!(start.elapsed() < READY_WITHIN, "the cluster is not {what}: {status:?}"),
            }
            thread::sleep(Duration::from_millis(25));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            drop(child.kill());
            drop(child.wait());
        }
        if thread::panicking() {
            for name in COSIGNERS.into_iter().chain([NODE]) {
                let log = fs::read_to_string(self.log(name)).unwrap_or_default();
                let last: Vec<_> = log.lines().rev().take(15).collect();
                eprintln!("{name}, last line first:\n{}", last.join("\n"));
            }
        }
    }
}

/// The program that CASPER_COSIGNER names; without that it is built.
fn program(dir: &Path) -> PathBuf {
    if let Some(path) = env::var_os("CASPER_COSIGNER") {
        return fs::canonicalize(&path).unwrap_or_else(|err| panic!("CASPER_COSIGNER is {path:?}: {err}"));
    }
    let path = dir.join("casper-cosigner");
    let mut build = Command::new("go");
    build.current_dir(root()).env("CGO_ENABLED", "0").args(["build", "-o"]).arg(&path).arg("./cmd/casper-cosigner");
    run(&mut build);
    path
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|err| panic!("running {command:?}: {err}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A base port from which on all that a cluster needs are free, below those that systems hand out by themselves.
fn free_ports() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let first = std::process::id() % 100;
    (0..100)
        .map(|n| 20_000 + u16::try_from((first + n) % 100).unwrap() * 120)
        .find(|base| (0..COSIGNER_PORTS).chain(AGENT_PORTS).all(|port| free(base + port)))
        .expect("no free ports")
}
