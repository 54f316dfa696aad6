package relay

import "net/netip"

// public says whether an address is one of the Internet's: what the IANA registers as globally reachable unicast
// (https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry).
// An IPv4 address inside an IPv6 one counts as itself where the network would deliver it there.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" || !a.IsValid() {
		return false
	}
	if a.Is4() {
		return !within(a, closed4())
	}
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(a) { // RFC 6052: a network without IPv4 of its own
		b := a.As16()
		return public(netip.AddrFrom4([4]byte(b[12:])))
	}
	return netip.MustParsePrefix("2000::/3").Contains(a) && !within(a, closed6())
}

func within(a netip.Addr, list []string) bool {
	for _, p := range list {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

func closed4() []string {
	return []string{
		"0.0.0.0/8",        // this network; 0.0.0.0 is this machine on many systems
		"10.0.0.0/8",       // private, RFC 1918
		"100.64.0.0/10",    // carrier-grade NAT, RFC 6598; a metadata service at Alibaba (100.100.100.200)
		"127.0.0.0/8",      // loopback
		"168.63.129.16/32", // Azure's machine agent, although the address is public
		"169.254.0.0/16",   // link-local, and the metadata services of most clouds (169.254.169.254)
		"172.16.0.0/12",    // private
		"192.0.0.0/24",     // protocol assignments; Oracle's metadata service (192.0.0.192)
		"192.0.2.0/24",     // documentation
		"192.88.99.0/24",   // 6to4 relays, deprecated
		"192.168.0.0/16",   // private
		"198.18.0.0/15",    // benchmarks
		"198.51.100.0/24",  // documentation
		"203.0.113.0/24",   // documentation
		"224.0.0.0/4",      // multicast
		"240.0.0.0/4",      // reserved, and broadcast
	}
}

func closed6() []string {
	return []string{
		"2001::/23",     // protocol assignments, Teredo among them: it holds an IPv4 address
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4: it holds an IPv4 address
		"3fff::/20",     // documentation
	}
}
