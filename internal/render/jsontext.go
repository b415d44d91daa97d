package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
)

// JSONText encodes v on one line, or over several with an indent, and writes as escapes what could drive a terminal that
// shows it: encoding/json escapes C0 control characters, and leaves C1 and bidirectional ones as they are.
func JSONText(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return EscapeJSON(b.Bytes()), nil
}

// EscapeJSON does that to JSON that is encoded already. Such characters only occur within strings.
func EscapeJSON(b []byte) []byte {
	if !bytes.ContainsFunc(b, drives) {
		return b
	}
	var out bytes.Buffer
	for _, r := range string(b) {
		if drives(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.Bytes()
}

func drives(r rune) bool {
	return r >= 0x7f && r <= 0x9f || unicode.Is(unicode.Bidi_Control, r)
}
