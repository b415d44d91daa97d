package network

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
)

// query makes a DNS query as a stub resolver does.
func query(name string, kind uint16) []byte {
	msg := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		msg = append(msg, byte(len(label)))
		msg = append(msg, label...)
	}
	msg = append(msg, 0)
	msg = binary.BigEndian.AppendUint16(msg, kind)
	return binary.BigEndian.AppendUint16(msg, classIN)
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr("198.19.1.1")
	for _, c := range []struct {
		name    string
		kind    uint16
		records int
	}{{"an address", typeA, 1}, {"no IPv6 address, but the name exists", typeAAAA, 0}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			msg := query("Registry.LAB", c.kind)
			q, err := parseQuestion(msg)
			if err != nil || q.name != "registry.lab" || q.kind != c.kind {
				t.Fatalf("question %+v, %v", q, err)
			}
			out := answer(msg, q, addr)
			if binary.BigEndian.Uint16(out) != 0x1234 || out[2]&0x80 == 0 || out[3]&0xf != 0 || int(out[7]) != c.records {
				t.Errorf("header % x", out[:12])
			}
			if c.records == 1 && netip.AddrFrom4([4]byte(out[len(out)-4:])) != addr {
				t.Errorf("answer % x", out)
			}
		})
	}
}

func TestPrivateName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ip-10-0-1-5.ap-northeast-2.compute.internal": "10.0.1.5",
		"ip-10-0-1-5.ec2.internal":                    "10.0.1.5",
		"ip-10-0-1.ec2.internal":                      "",
		"ip-10-0-1-5.example.com":                     "",
		"ip-10-0-1-5":                                 "",
		"web.ec2.internal":                            "",
	} {
		got, ok := privateName(name)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s is %s, %v; want %q", name, got, ok, want)
		}
	}
}

func FuzzParseQuestion(f *testing.F) {
	f.Add(query("registry.lab", typeA))
	f.Add(query("a", 255)[:15])
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12})
	f.Fuzz(func(t *testing.T, msg []byte) {
		q, err := parseQuestion(msg)
		if err != nil {
			return
		}
		for _, out := range [][]byte{answer(msg, q, netip.MustParseAddr("192.0.2.1")), failure(msg, q)} {
			if len(out) < q.end || binary.BigEndian.Uint16(out) != q.id || out[2]&0x80 == 0 {
				t.Fatalf("answer % x to % x", out, msg)
			}
		}
	})
}
