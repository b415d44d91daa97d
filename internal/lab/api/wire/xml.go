package wire

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// AppendEC2 appends the answer of an EC2 action. A nil result is <return>true</return>, EC2's answer of actions that
// only do something.
func (c *Codec) AppendEC2(b []byte, action, namespace, requestID string, result any) []byte {
	b = append(b, xmlHeader...)
	b = append(b, '<')
	b = append(b, action...)
	b = append(b, `Response xmlns="`...)
	b = append(b, namespace...)
	b = append(b, `"><requestId>`...)
	b = append(b, requestID...)
	b = append(b, `</requestId>`...)
	if result == nil {
		b = append(b, `<return>true</return>`...)
	} else {
		b = c.appendStruct(b, reflect.ValueOf(result).Elem())
	}
	b = append(b, `</`...)
	b = append(b, action...)
	return append(b, `Response>`...)
}

// AppendQuery appends the answer of an action of a plain query service. A nil result has no result element.
func (c *Codec) AppendQuery(b []byte, action, namespace, requestID string, result any) []byte {
	b = append(b, `<`...)
	b = append(b, action...)
	b = append(b, `Response xmlns="`...)
	b = append(b, namespace...)
	b = append(b, `">`...)
	if result != nil {
		b = append(b, '<')
		b = append(b, action...)
		b = append(b, `Result>`...)
		b = c.appendStruct(b, reflect.ValueOf(result).Elem())
		b = append(b, `</`...)
		b = append(b, action...)
		b = append(b, `Result>`...)
	}
	b = append(b, `<ResponseMetadata><RequestId>`...)
	b = append(b, requestID...)
	b = append(b, `</RequestId></ResponseMetadata></`...)
	b = append(b, action...)
	return append(b, `Response>`...)
}

// AppendEC2Error appends EC2's form of an error.
func AppendEC2Error(b []byte, requestID, code, message string) []byte {
	b = append(b, xmlHeader...)
	b = append(b, `<Response><Errors><Error><Code>`...)
	b = appendEscaped(b, code)
	b = append(b, `</Code><Message>`...)
	b = appendEscaped(b, message)
	b = append(b, `</Message></Error></Errors><RequestID>`...)
	b = append(b, requestID...)
	return append(b, `</RequestID></Response>`...)
}

// AppendQueryError appends the plain query form of an error. Sender says that the client is at fault.
func AppendQueryError(b []byte, namespace, requestID, code, message string, sender bool) []byte {
	b = append(b, `<ErrorResponse xmlns="`...)
	b = append(b, namespace...)
	b = append(b, `"><Error><Type>`...)
	if sender {
		b = append(b, `Sender`...)
	} else {
		b = append(b, `Receiver`...)
	}
	b = append(b, `</Type><Code>`...)
	b = appendEscaped(b, code)
	b = append(b, `</Code><Message>`...)
	b = appendEscaped(b, message)
	b = append(b, `</Message></Error><RequestId>`...)
	b = append(b, requestID...)
	return append(b, `</RequestId></ErrorResponse>`...)
}

func (c *Codec) appendStruct(b []byte, v reflect.Value) []byte {
	p := c.plan(v.Type())
	for i := range p.fields {
		f := &p.fields[i]
		fv := v.Field(f.index)
		switch f.typ.kind {
		case kindString:
			if fv.Len() == 0 && !f.always {
				continue
			}
		case kindList:
			if fv.IsNil() {
				continue
			}
			b = append(b, f.open...)
			for j := range fv.Len() {
				b = append(b, f.eopen...)
				b = c.appendValue(b, f.typ.elem, fv.Index(j))
				b = append(b, f.eshut...)
			}
			b = append(b, f.shut...)
			continue
		default:
			if fv.IsNil() {
				continue
			}
		}
		b = append(b, f.open...)
		b = c.appendValue(b, &f.typ, fv)
		b = append(b, f.shut...)
	}
	return b
}

func (c *Codec) appendValue(b []byte, t *ftype, v reflect.Value) []byte {
	if t.ptr {
		v = v.Elem()
	}
	switch t.kind {
	case kindString:
		return appendEscaped(b, v.String())
	case kindInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case kindFloat:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case kindBool:
		return strconv.AppendBool(b, v.Bool())
	case kindBlob:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	case kindTime:
		return v.Addr().Interface().(*time.Time).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	case kindStruct:
		return c.appendStruct(b, v)
	}
	return b
}

// appendEscaped writes text content; characters that XML cannot hold become U+FFFD.
func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		ch := s[i]
		if ch < utf8.RuneSelf {
			i++
			switch {
			case ch == '<':
				b = append(b, "&lt;"...)
			case ch == '>':
				b = append(b, "&gt;"...)
			case ch == '&':
				b = append(b, "&amp;"...)
			case ch == '\r':
				b = append(b, "&#xD;"...)
			case ch < 0x20 && ch != '\t' && ch != '\n':
				b = append(b, "\uFFFD"...)
			default:
				b = append(b, ch)
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == 0xFFFE || r == 0xFFFF {
			r = utf8.RuneError
		}
		b = utf8.AppendRune(b, r)
		i += n
	}
	return b
}
