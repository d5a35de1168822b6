//! The files of the host's network: `/proc/1/net`, which is the host's also for a container
//! with a network of its own, else what this process sees itself.

use std::time::Instant;

use regex::Regex;

use super::file::{HostFile, ReadError, Shape};
use super::{arp, conntrack, netdev, netstat, sockstat, softnet, udp_queues};
use crate::paths::Paths;
use crate::snapshot::host::{Conntrack, Fields, NetClass, NetDevice, Softnet, UdpQueues};

/// The network's files, and the properties of its devices.
#[derive(Debug)]
pub(super) struct Network {
    dev: HostFile,
    netstat: HostFile,
    snmp: HostFile,
    snmp6: HostFile,
    sockstat: HostFile,
    sockstat6: HostFile,
    conntrack: HostFile,
    conntrack_max: HostFile,
    softnet: HostFile,
    arp: HostFile,
    udp: [HostFile; 2],
    nohandler: netdev::Nohandler,
    classes: super::netclass::Reader,
    exclude: Regex,
    page_size: u64,
}

impl Network {
    /// Devices whose names fit `exclude` are left out.
    pub(super) fn new(paths: &Paths, exclude: Regex) -> Self {
        let of_init = paths.proc("1/net");
        // Hidden by `hidepid` or a policy.
        let folder = match std::fs::File::open(of_init.join("dev")) {
            Ok(_) => of_init,
            Err(error) => {
                let own = paths.proc("net");
                tracing::warn!(
                    path = %of_init.display(), %error, instead = %own.display(),
                    "the network of the host's first process cannot be read; in a container what is shown is the container's own"
                );
                own
            }
        };
        let file = |name: &str, shape| HostFile::new(folder.join(name), shape);
        Network {
            dev: file("dev", Shape::Records),
            netstat: file("netstat", Shape::Whole),
            snmp: file("snmp", Shape::Whole),
            snmp6: file("snmp6", Shape::Whole),
            sockstat: file("sockstat", Shape::Whole),
            sockstat6: file("sockstat6", Shape::Whole),
            conntrack: file("stat/nf_conntrack", Shape::Records),
            conntrack_max: HostFile::new(paths.sysctl("net/netfilter/nf_conntrack_max"), Shape::Line),
            softnet: file("softnet_stat", Shape::Records),
            arp: file("arp", Shape::Records),
            udp: ["udp", "udp6"].map(|name| file(name, Shape::Records)),
            nohandler: netdev::Nohandler::new(paths.clone()),
            classes: super::netclass::Reader::new(paths.clone()),
            exclude,
            page_size: rustix::param::page_size() as u64,
        }
    }

    /// The file of the devices' traffic.
    pub(super) fn dev(&mut self) -> &mut HostFile {
        &mut self.dev
    }

    pub(super) fn devices(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Vec<NetDevice>>, ReadError> {
        let mut devices = self.dev.parse(buffer, |text| netdev::parse(text, &self.exclude))?;
        if let Some(devices) = &mut devices {
            self.nohandler.read(devices, buffer);
        }
        Ok(devices)
    }

    /// Properties of the devices; `traffic` are those whose traffic has just been read.
    pub(super) fn classes(
        &mut self,
        traffic: Option<&[NetDevice]>,
        now: Instant,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Vec<std::sync::Arc<NetClass>>>, ReadError> {
        let read = match traffic {
            Some(_) => None,
            None => self.dev.parse(buffer, |text| netdev::parse(text, &self.exclude))?,
        };
        let Some(devices) = traffic.or(read.as_deref()) else { return Ok(None) };
        let names = devices.iter().map(|device| device.device.as_str());
        Ok(Some(self.classes.read(names, now)).filter(|classes| !classes.is_empty()))
    }

    pub(super) fn protocols(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Fields>, ReadError> {
        let mut counters = netstat::Counters::new();
        let mut found = false;
        for file in [&mut self.netstat, &mut self.snmp] {
            found |= file.parse(buffer, |text| counters.add_pairs(text))?.is_some();
        }
        // There is none without IPv6.
        found |= self.snmp6.parse(buffer, |text| counters.add_lines(text))?.is_some();
        Ok(found.then(|| counters.finish()))
    }

    pub(super) fn sockets(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Fields>, ReadError> {
        let mut numbers = sockstat::Numbers::new();
        let mut found = false;
        for file in [&mut self.sockstat, &mut self.sockstat6] {
            found |= file.parse(buffer, |text| numbers.add(text, self.page_size))?.is_some();
        }
        Ok(found.then(|| numbers.finish()))
    }

    pub(super) fn tracking(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Conntrack>, ReadError> {
        let Some(tracking) = self.conntrack.parse(buffer, conntrack::parse)? else { return Ok(None) };
        let limit = self.conntrack_max.parse(buffer, conntrack::parse_limit)?;
        Ok(Some(Conntrack { limit, ..tracking }))
    }

    pub(super) fn processing(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Vec<Softnet>>, ReadError> {
        self.softnet.parse(buffer, softnet::parse)
    }

    pub(super) fn neighbours(
        &mut self,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Vec<(String, u64)>>, ReadError> {
        self.arp.parse(buffer, |text| arp::parse(text, &self.exclude))
    }

    pub(super) fn datagrams(&mut self, buffer: &mut Vec<u8>) -> Result<Option<UdpQueues>, ReadError> {
        let [v4, v6] = &mut self.udp;
        let mut read = |file: &mut HostFile| file.parse(buffer, udp_queues::parse);
        let queues = UdpQueues { v4: read(v4)?, v6: read(v6)? };
        Ok(Some(queues).filter(|queues| *queues != UdpQueues::default()))
    }
}
