package resource

import (
	"fmt"
	"strconv"
	"strings"
)

// Address names an object, in the words of the configuration:
//
//	cluster.lab                          a cluster; module.edge["a"].cluster.lab inside a module
//	cluster.lab.vpc                      one of its objects
//	cluster.lab.subnet["eu-central-1a"]  one of several
//	cluster.lab.control_plane[0]         a control-plane node
//	node_pool.worker                     a pool; node_pool.worker["blue"] one made by for_each
//	node_pool.worker[3]                  a node; node_pool.worker["blue"][3] of a for_each pool
type Address string

// Index returns the address of the i-th of several.
func (a Address) Index(i int) Address { return Address(string(a) + "[" + strconv.Itoa(i) + "]") }

// Key returns the address of the one with that key.
func (a Address) Key(k string) Address { return Address(string(a) + "[" + strconv.Quote(k) + "]") }

// Child returns the address of a named part.
func (a Address) Child(name string) Address { return Address(string(a) + "." + name) }

// Contains tells whether b is a itself or stands below it: "node_pool.worker" contains "node_pool.worker[3]" and not
// "node_pool.workers".
func (a Address) Contains(b Address) bool {
	rest, ok := strings.CutPrefix(string(b), string(a))
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Ordinal splits "node_pool.worker[3]" into the pool and 3. ok is false where the last part is no number.
func (a Address) Ordinal() (parent Address, ordinal int, ok bool) {
	s := string(a)
	i := strings.LastIndexByte(s, '[')
	if i < 0 || !strings.HasSuffix(s, "]") {
		return a, 0, false
	}
	n, err := strconv.Atoi(s[i+1 : len(s)-1])
	if err != nil || n < 0 {
		return a, 0, false
	}
	return Address(s[:i]), n, true
}

// Part is one step of an address: a name, with the key behind it where there is one.
type Part struct {
	Name string
	// Keys are the brackets behind the name: strings and ints.
	Keys []any
}

// Parts splits an address. An error says what is wrong with it and where.
func (a Address) Parts() ([]Part, error) {
	var parts []Part
	s := string(a)
	for i := 0; ; {
		start := i
		for i < len(s) && s[i] != '.' && s[i] != '[' {
			if !isNameByte(s[i]) {
				return nil, fmt.Errorf("address %q: unexpected %q at position %d", s, s[i], i+1)
			}
			i++
		}
		if i == start {
			return nil, fmt.Errorf("address %q: a name is missing at position %d", s, i+1)
		}
		p := Part{Name: s[start:i]}
		for i < len(s) && s[i] == '[' {
			key, n, err := parseKey(s[i:])
			if err != nil {
				return nil, fmt.Errorf("address %q: %w at position %d", s, err, i+1)
			}
			p.Keys = append(p.Keys, key)
			i += n
		}
		parts = append(parts, p)
		if i == len(s) {
			return parts, nil
		}
		if s[i] != '.' {
			return nil, fmt.Errorf("address %q: unexpected %q at position %d", s, s[i], i+1)
		}
		i++
	}
}

// ParseAddress checks what a user wrote and returns it in canonical form.
func ParseAddress(s string) (Address, error) {
	parts, err := Address(s).Parts()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p.Name)
		for _, k := range p.Keys {
			switch k := k.(type) {
			case int:
				fmt.Fprintf(&b, "[%d]", k)
			case string:
				fmt.Fprintf(&b, "[%q]", k)
			}
		}
	}
	return Address(b.String()), nil
}

func parseKey(s string) (key any, length int, err error) {
	if strings.HasPrefix(s, `["`) {
		quoted, err := strconv.QuotedPrefix(s[1:])
		if err != nil {
			return nil, 0, fmt.Errorf("the quoted key is not closed")
		}
		if len(s) <= 1+len(quoted) || s[1+len(quoted)] != ']' {
			return nil, 0, fmt.Errorf("a ] is missing")
		}
		k, err := strconv.Unquote(quoted)
		return k, len(quoted) + 2, err
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return nil, 0, fmt.Errorf("a ] is missing")
	}
	n, err := strconv.Atoi(s[1:end])
	if err != nil || n < 0 {
		return nil, 0, fmt.Errorf("key %s is neither a number nor quoted", s[1:end])
	}
	return n, end + 1, nil
}

func isNameByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// Less orders addresses for people: numbers in brackets by value, everything else by bytes.
func Less(a, b Address) bool { return Compare(a, b) < 0 }

// Compare is Less as a three-way comparison.
func Compare(a, b Address) int {
	x, y := string(a), string(b)
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] == y[i] {
			continue
		}
		// Go back to the start of a number that both stand in.
		j := i
		for j > 0 && isDigit(x[j-1]) {
			j--
		}
		if j > 0 && x[j-1] == '[' && (isDigit(x[i]) || x[i] == ']') && (isDigit(y[i]) || y[i] == ']') {
			nx, ny := digits(x[j:]), digits(y[j:])
			if nx != ny {
				if nx < ny {
					return -1
				}
				return 1
			}
		}
		if x[i] < y[i] {
			return -1
		}
		return 1
	}
	return len(x) - len(y)
}

func digits(s string) int {
	n := 0
	for i := 0; i < len(s) && isDigit(s[i]) && n < 1<<40; i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
