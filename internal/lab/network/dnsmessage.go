package network

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
)

// question is the first question of a DNS query.
type question struct {
	id    uint16
	flags uint16
	name  string // lower case, no dot at the end
	kind  uint16
	end   int // where the question ends in the message
}

const (
	typeA    = 1
	typeAAAA = 28
	classIN  = 1
)

var errNotQuery = errors.New("not a DNS query with one question")

// parseQuestion reads a query as stub resolvers send it: one question, its name not compressed.
func parseQuestion(msg []byte) (question, error) {
	if len(msg) < 12 || len(msg) > 65535 {
		return question{}, errNotQuery
	}
	q := question{id: binary.BigEndian.Uint16(msg), flags: binary.BigEndian.Uint16(msg[2:])}
	if q.flags&0xf800 != 0 || binary.BigEndian.Uint16(msg[4:]) != 1 { // a response, or another operation
		return question{}, errNotQuery
	}
	var labels []string
	at := 12
	for {
		if at >= len(msg) {
			return question{}, errNotQuery
		}
		n := int(msg[at])
		at++
		if n == 0 {
			break
		}
		if n > 63 || at+n > len(msg) || at-12 > 255 {
			return question{}, errNotQuery
		}
		labels = append(labels, string(msg[at:at+n]))
		at += n
	}
	if at+4 > len(msg) || binary.BigEndian.Uint16(msg[at+2:]) != classIN {
		return question{}, errNotQuery
	}
	q.name = strings.ToLower(strings.Join(labels, "."))
	q.kind = binary.BigEndian.Uint16(msg[at:])
	q.end = at + 4
	return q, nil
}

// answer makes the response to a query: the address when one is asked for, and no records for other types of a name
// that exists.
func answer(msg []byte, q question, addr netip.Addr) []byte {
	out := make([]byte, 0, q.end+16)
	out = binary.BigEndian.AppendUint16(out, q.id)
	out = binary.BigEndian.AppendUint16(out, 0x8480|q.flags&0x0100) // response, authoritative, recursion available
	out = append(out, 0, 1, 0, 0, 0, 0, 0, 0)
	out = append(out, msg[12:q.end]...)
	if q.kind == typeA && addr.Is4() {
		out[7] = 1
		out = append(out, 0xc0, 12, 0, typeA, 0, classIN, 0, 0, 0, 5, 0, 4) // the question's name, for 5 seconds
		b := addr.As4()
		out = append(out, b[:]...)
	}
	return out
}

// failure makes a SERVFAIL response.
func failure(msg []byte, q question) []byte {
	out := answer(msg, q, netip.Addr{})
	out[3] = out[3]&0xf0 | 2
	return out
}

// privateName reads the address out of EC2's private DNS names, ip-10-0-1-5.REGION.compute.internal and
// ip-10-0-1-5.ec2.internal.
func privateName(name string) (netip.Addr, bool) {
	host, domain, _ := strings.Cut(name, ".")
	if !strings.HasSuffix(domain, "compute.internal") && domain != "ec2.internal" {
		return netip.Addr{}, false
	}
	dashed, ok := strings.CutPrefix(host, "ip-")
	if !ok {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(strings.ReplaceAll(dashed, "-", "."))
	return addr, err == nil && addr.Is4()
}
