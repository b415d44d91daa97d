package api

import "net/netip"

// PoweredOff is the reason of a MachineGone that somebody inside asked for: the instance stops or terminates, as its
// shutdown behaviour says. Any other reason is for people.
const PoweredOff = "poweroff"

// HopLimit is how many network hops the answer to an IMDSv2 token request of the instance may travel: 1 to 64, and 1 for
// an instance that is not known.
func (s *Server) HopLimit(instanceID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.instances.get(instanceID)
	if i == nil {
		return 1
	}
	return int(max(1, s.launchOf(i).Meta.Hops))
}

// Place is where an instance is in the network: its VPC and primary private address.
func (s *Server) Place(instanceID string) (vpcID string, addr netip.Addr, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.instances.get(instanceID)
	if i == nil {
		return "", netip.Addr{}, false
	}
	return i.VPC, i.PrivateIP, true
}
