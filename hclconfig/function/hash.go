package function

import (
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"
)

func hashes() []Entry {
	b64 := base64.StdEncoding.EncodeToString
	hexed := hex.EncodeToString
	out := []Entry{
		{"bcrypt", Hash, "bcrypt(text, cost)", "A bcrypt hash, salted: it differs each time.", "bcrypt(var.password)", is(bcryptHash)},
		{"rsadecrypt", Hash, "rsadecrypt(text, key)", "The text that was encrypted by RSA (PKCS #1 v1.5) and is given in Base64; key is a private key in PEM.", "rsadecrypt(local.secret, file(\"key.pem\"))", is(rsaDecrypt)},
		{"uuid", Hash, "uuid()", "A random UUID: it differs each time.", "uuid()", is(randomUUID)},
		{"uuidv5", Hash, "uuidv5(namespace, name)", "The UUID of a name in a namespace: \"dns\", \"url\", \"oid\", \"x500\" or a UUID.", "uuidv5(\"dns\", \"lab.example\")", is(nameUUID)},
	}
	for _, h := range []struct {
		name, title string
		make        func() hash.Hash
		base64      bool
	}{
		{"md5", "MD5", md5.New, false}, {"sha1", "SHA-1", sha1.New, false},
		{"sha256", "SHA-256", sha256.New, true}, {"sha512", "SHA-512", sha512.New, true},
	} {
		digest := func(encode func([]byte) string) func([]byte) (string, error) {
			return func(data []byte) (string, error) {
				x := h.make()
				x.Write(data)
				return encode(x.Sum(nil)), nil
			}
		}
		ofBytes := func(f func([]byte) (string, error)) function.Function {
			return ofText(func(s string) (string, error) { return f([]byte(s)) })
		}
		out = append(out,
			Entry{h.name, Hash, h.name + "(text)", "The " + h.title + " hash of the text's bytes, in hexadecimal.", h.name + "(\"hi\")", is(ofBytes(digest(hexed)))},
			Entry{"file" + h.name, Hash, "file" + h.name + "(path)", "The " + h.title + " hash of a file, in hexadecimal.", "file" + h.name + "(\"app.tar\")", ofFile(digest(hexed))})
		if h.base64 {
			out = append(out,
				Entry{"base64" + h.name, Hash, "base64" + h.name + "(text)", "The " + h.title + " hash of the text's bytes, in Base64.", "base64" + h.name + "(\"hi\")", is(ofBytes(digest(b64)))},
				Entry{"filebase64" + h.name, Hash, "filebase64" + h.name + "(path)", "The " + h.title + " hash of a file, in Base64.", "filebase64" + h.name + "(\"app.tar\")", ofFile(digest(b64))})
		}
	}
	return out
}

var bcryptHash = function.New(&function.Spec{
	Params:   []function.Parameter{{Name: "str", Type: cty.String}},
	VarParam: &function.Parameter{Name: "cost", Type: cty.Number},
	Type:     function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		cost := bcrypt.DefaultCost
		if len(args) > 2 {
			return cty.NilVal, errors.New("bcrypt takes a text and an optional cost")
		}
		if len(args) == 2 {
			n, _ := args[1].AsBigFloat().Int64()
			cost = int(n)
		}
		if cost > 20 {
			return cty.NilVal, function.NewArgErrorf(1, "a cost above 20 takes minutes to hours")
		}
		out, err := bcrypt.GenerateFromPassword([]byte(args[0].AsString()), cost)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(string(out)), nil
	},
})

var randomUUID = function.New(&function.Spec{
	Params: []function.Parameter{},
	Type:   function.StaticReturnType(cty.String),
	Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
		id, err := uuid.NewRandom()
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(id.String()), nil
	},
})

var nameUUID = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "namespace", Type: cty.String}, {Name: "name", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		spaces := map[string]uuid.UUID{"dns": uuid.NameSpaceDNS, "url": uuid.NameSpaceURL, "oid": uuid.NameSpaceOID, "x500": uuid.NameSpaceX500}
		space, ok := spaces[args[0].AsString()]
		if !ok {
			var err error
			if space, err = uuid.Parse(args[0].AsString()); err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%q is neither dns, url, oid nor x500, nor a UUID", args[0].AsString())
			}
		}
		return cty.StringVal(uuid.NewSHA1(space, []byte(args[1].AsString())).String()), nil
	},
})

var rsaDecrypt = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "ciphertext", Type: cty.String}, {Name: "privatekey", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		data, err := base64.StdEncoding.DecodeString(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "the text is not in Base64")
		}
		raw, err := ssh.ParseRawPrivateKey([]byte(args[1].AsString()))
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(1, "the key is not a private key in PEM without a passphrase")
		}
		key, ok := raw.(*rsa.PrivateKey)
		if !ok {
			return cty.NilVal, function.NewArgErrorf(1, "the key is not an RSA key")
		}
		out, err := rsa.DecryptPKCS1v15(nil, key, data) //nolint:staticcheck // the padding that callers of this function chose
		if err != nil {
			return cty.NilVal, errors.New("the text was not encrypted for this key")
		}
		return cty.StringVal(string(out)), nil
	},
})

// toType makes tostring(), tolist() and their like.
func toType(want cty.Type, word string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "v", Type: cty.DynamicPseudoType, AllowNull: true, AllowMarked: true, AllowDynamicType: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			got := args[0].Type()
			if got.Equals(want) {
				return want, nil
			}
			// The conversion finds the elements' type for list(any) and its like.
			v, _ := args[0].UnmarkDeep()
			out, err := convert.Convert(v, want)
			if err != nil {
				return cty.NilType, function.NewArgErrorf(0, "%s cannot become %s: %s", got.FriendlyName(), word, err)
			}
			return out.Type(), nil
		},
		Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
			out, err := convert.Convert(args[0], ret)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%s cannot become %s: %s", args[0].Type().FriendlyName(), word, err)
			}
			return out, nil
		},
	})
}
