//! The process at the other end of a connection, and its end.
//!
//! Owns the look into `/proc`. Only a process in MiniStack's process group can be ended, and never MiniStack itself:
//! that leaves the Lambdas that it started. Must not know why one is ended.

use std::net::{IpAddr, SocketAddr};

use rustix::process::{Pid, Signal, kill_process};

/// Kills the Lambda that holds the client's side of the connection from `peer` to `here`. Whether there was one.
pub(crate) fn kill_lambda(peer: SocketAddr, here: SocketAddr, group: Pid) -> bool {
    let Some(process) = socket_inode(peer, here).and_then(|inode| holder(inode, group)) else { return false };
    kill_process(process, Signal::KILL).is_ok()
}

/// The inode of the socket at `local` that is connected to `remote`.
fn socket_inode(local: SocketAddr, remote: SocketAddr) -> Option<u64> {
    find_inode(&std::fs::read_to_string("/proc/net/tcp").ok()?, &hex(local)?, &hex(remote)?)
}

/// As `/proc/net/tcp` writes an IPv4 address: the number in the machine's byte order, then the port.
fn hex(address: SocketAddr) -> Option<String> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port()))
}

fn find_inode(table: &str, local: &str, remote: &str) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (*fields.get(1)? == local && *fields.get(2)? == remote).then(|| fields.get(9)?.parse().ok())?
    })
}

/// The member of `group`, not its leader, that has the socket open.
fn holder(inode: u64, group: Pid) -> Option<Pid> {
    let link = format!("socket:[{inode}]");
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let process = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let its_group = group_in(&std::fs::read_to_string(entry.path().join("stat")).ok()?)?;
        if process == group || its_group != group.as_raw_nonzero().get() {
            return None;
        }
        let mut open = std::fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        open.any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == link.as_str())).then_some(process)
    })
}

/// The process group in the text of `/proc/<pid>/stat`: the third field behind the name, which may hold anything.
fn group_in(stat: &str) -> Option<i32> {
    stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_of_a_connection_is_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0\n\
            1: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4\n";
        assert_eq!(find_inode(table, "0100007F:9C40", "0100007F:1F90"), Some(12));
        assert_eq!(find_inode(table, "0100007F:9C41", "0100007F:1F90"), None);
    }

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(group_in("42 (a) b (c)) S 1 77 77 0 -1"), Some(77));
        assert_eq!(group_in("42"), None);
    }

    #[tokio::test]
    async fn only_members_of_the_group_hold_a_connection_that_counts() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let stream = tokio::net::TcpStream::connect(here).await.unwrap();
        let inode = socket_inode(stream.local_addr().unwrap(), here).expect("the connection is in the table");
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let me = rustix::process::getpid();
        // We hold it, but nobody is in a group that only a stranger leads; and as the leader we would be spared.
        assert_eq!(holder(inode, Pid::from_raw(i32::MAX).unwrap()), None);
        if let Some(group) = group_in(&stat).and_then(Pid::from_raw) {
            assert_eq!(holder(inode, group), Some(me).filter(|me| *me != group));
        }
    }
}
