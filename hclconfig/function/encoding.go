package function

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"unicode/utf8"

	yaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"golang.org/x/text/encoding/ianaindex"
)

func encoding() []Entry {
	return []Entry{
		{"base64decode", Encoding, "base64decode(text)", "The UTF-8 text that was encoded in Base64.", "base64decode(\"aGk=\") → \"hi\"", is(base64Decode)},
		{"base64encode", Encoding, "base64encode(text)", "The text's UTF-8 bytes in Base64.", "base64encode(\"hi\") → \"aGk=\"", is(ofText(func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil }))},
		{"base64gzip", Encoding, "base64gzip(text)", "The text compressed by gzip, in Base64.", "base64gzip(file(\"big.txt\"))", is(ofText(base64Gzip))},
		{"csvdecode", Encoding, "csvdecode(text)", "The rows of a table as a list of objects, named by its first line.", "csvdecode(\"a,b\\n1,2\")[0].b → \"2\"", is(stdlib.CSVDecodeFunc)},
		{"jsondecode", Encoding, "jsondecode(text)", "The value that a JSON text stands for.", "jsondecode(\"{\\\"a\\\":1}\").a → 1", is(stdlib.JSONDecodeFunc)},
		{"jsonencode", Encoding, "jsonencode(value)", "The value in JSON.", "jsonencode([1, 2]) → \"[1,2]\"", is(stdlib.JSONEncodeFunc)},
		{"textdecodebase64", Encoding, "textdecodebase64(text, encoding)", "The text that was written in an encoding such as UTF-16LE, then in Base64.", "textdecodebase64(\"aABpAA==\", \"UTF-16LE\") → \"hi\"", is(textDecodeBase64)},
		{"textencodebase64", Encoding, "textencodebase64(text, encoding)", "The text in an encoding such as UTF-16LE, in Base64.", "textencodebase64(\"hi\", \"UTF-16LE\") → \"aABpAA==\"", is(textEncodeBase64)},
		{"urlencode", Encoding, "urlencode(text)", "The text as it may stand in the query of a URL.", "urlencode(\"a b\") → \"a+b\"", is(ofText(func(s string) (string, error) { return url.QueryEscape(s), nil }))},
		{"yamldecode", Encoding, "yamldecode(text)", "The value that a YAML document stands for.", "yamldecode(\"a: 1\").a → 1", is(yaml.YAMLDecodeFunc)},
		{"yamlencode", Encoding, "yamlencode(value)", "The value as a YAML document.", "yamlencode({ a = 1 }) → \"\\\"a\\\": 1\\n\"", is(yaml.YAMLEncodeFunc)},
	}
}

// ofText makes a function from text to text.
func ofText(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

var base64Decode = ofText(func(s string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", errors.New("the text is not in Base64")
	}
	if !utf8.Valid(data) {
		return "", errors.New("what was encoded is not UTF-8 text")
	}
	return string(data), nil
})

func base64Gzip(s string) (string, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		return "", err
	}
	// Flush before Close leaves an empty block at the end, as Terraform does:
	// the same configuration then gives the same text.
	if err := z.Flush(); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

func textParams() []function.Parameter {
	return []function.Parameter{{Name: "string", Type: cty.String}, {Name: "encoding", Type: cty.String}}
}

var textEncodeBase64 = function.New(&function.Spec{
	Params: textParams(),
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		enc, err := ianaindex.IANA.Encoding(args[1].AsString())
		if err != nil || enc == nil {
			return cty.NilVal, function.NewArgErrorf(1, "%q is not the name of an encoding that is supported", args[1].AsString())
		}
		out, err := enc.NewEncoder().Bytes([]byte(args[0].AsString()))
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "the text holds characters that %s lacks", args[1].AsString())
		}
		return cty.StringVal(base64.StdEncoding.EncodeToString(out)), nil
	},
})

var textDecodeBase64 = function.New(&function.Spec{
	Params: textParams(),
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		enc, err := ianaindex.IANA.Encoding(args[1].AsString())
		if err != nil || enc == nil {
			return cty.NilVal, function.NewArgErrorf(1, "%q is not the name of an encoding that is supported", args[1].AsString())
		}
		data, err := base64.StdEncoding.DecodeString(args[0].AsString())
		if err != nil {
			if e, ok := errors.AsType[base64.CorruptInputError](err); ok {
				return cty.NilVal, function.NewArgErrorf(0, "the text is not in Base64: see byte %d", int64(e))
			}
			return cty.NilVal, function.NewArgErrorf(0, "the text is not in Base64")
		}
		out, err := enc.NewDecoder().Bytes(data)
		if err != nil || !utf8.Valid(out) {
			return cty.NilVal, function.NewArgError(0, fmt.Errorf("the bytes are not in the encoding %s", args[1].AsString()))
		}
		return cty.StringVal(string(out)), nil
	},
})
