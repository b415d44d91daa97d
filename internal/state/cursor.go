package state

import (
	"bytes"
	"encoding/json"
	"reflect"
	"time"
)

var timeType = reflect.TypeFor[time.Time]()

// cursor reads compact JSON from its place on. Each method moves on only past what it recognises.
type cursor struct {
	data []byte
	pos  int
}

func (c *cursor) skip(b byte) bool {
	if c.pos < len(c.data) && c.data[c.pos] == b {
		c.pos++
		return true
	}
	return false
}

func (c *cursor) literal(s string) bool {
	if bytes.HasPrefix(c.data[c.pos:], []byte(s)) {
		c.pos += len(s)
		return true
	}
	return false
}

// plainString reads a string of ASCII without escapes.
func (c *cursor) plainString() ([]byte, bool) {
	if c.pos >= len(c.data) || c.data[c.pos] != '"' {
		return nil, false
	}
	for i := c.pos + 1; i < len(c.data); i++ {
		switch b := c.data[i]; {
		case b == '"':
			s := c.data[c.pos+1 : i]
			c.pos = i + 1
			return s, true
		case b == '\\' || b < 0x20 || b >= 0x80:
			return nil, false
		}
	}
	return nil, false
}

// quotedString reads any string.
func (c *cursor) quotedString() (string, bool) {
	if c.pos >= len(c.data) || c.data[c.pos] != '"' {
		return "", false
	}
	for i := c.pos + 1; i < len(c.data); i++ {
		switch c.data[i] {
		case '\\':
			i++
		case '"':
			var s string
			if json.Unmarshal(c.data[c.pos:i+1], &s) != nil {
				return "", false
			}
			c.pos = i + 1
			return s, true
		}
	}
	return "", false
}

func (c *cursor) boolean() (value, ok bool) {
	switch {
	case c.literal("true"):
		return true, true
	case c.literal("false"):
		return false, true
	}
	return false, false
}

// integer reads a whole number of at most 18 digits.
func (c *cursor) integer() (int64, bool) {
	i := c.pos
	negative := i < len(c.data) && c.data[i] == '-'
	if negative {
		i++
	}
	begin, n := i, int64(0)
	for ; i < len(c.data) && c.data[i] >= '0' && c.data[i] <= '9'; i++ {
		if i-begin == 18 {
			return 0, false
		}
		n = n*10 + int64(c.data[i]-'0')
	}
	digits := i - begin
	if digits == 0 || digits > 1 && c.data[begin] == '0' {
		return 0, false
	}
	c.pos = i
	if negative {
		n = -n
	}
	return n, true
}

func (c *cursor) time(v reflect.Value) bool {
	begin := c.pos
	if _, ok := c.plainString(); !ok {
		return false
	}
	var t time.Time
	if t.UnmarshalJSON(c.data[begin:c.pos]) != nil {
		return false
	}
	v.Set(reflect.ValueOf(t))
	return true
}
