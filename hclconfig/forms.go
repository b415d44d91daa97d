package hclconfig

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Form names how the value of an argument is checked and normalised beyond its type.
type Form string

// form is what stands behind a Form. Both functions get known values that are
// not null; what is wrong comes back as a sentence.
type form struct {
	word      string   // the type as the reference page shows it
	result    cty.Type // type after normalising; NilType: the argument's own
	normalise func(cty.Value) (cty.Value, string)
	check     func(cty.Value) string
}

const (
	formAbsPath        Form = "absolute path"
	formAmount         Form = "amount"
	formBytes          Form = "bytes"
	formCIDR           Form = "cidr"
	formCIDRs          Form = "cidrs"
	formCluster        Form = "cluster"
	formContainerImage Form = "container image"
	formCount          Form = "count"
	formCPU            Form = "cpu"
	formDisk           Form = "disk"
	formDuration       Form = "duration"
	formEnv            Form = "environment"
	formImage          Form = "image"
	formInstanceTypes  Form = "instance types"
	formLabels         Form = "labels"
	formMTU            Form = "mtu"
	formName           Form = "name"
	formNodePort       Form = "node port"
	formObject         Form = "object"
	formPeers          Form = "peers"
	formPercentage     Form = "percentage"
	formPoolSize       Form = "pool size"
	formPort           Form = "port"
	formPortRef        Form = "port reference"
	formPorts          Form = "ports"
	formQuorum         Form = "quorum"
	formRegion         Form = "region"
	formReplicas       Form = "replicas"
	formSchedule       Form = "schedule"
	formTags           Form = "tags"
	formUser           Form = "user"
	formUserData       Form = "user data"
	formVersion        Form = "version"
	formVPC            Form = "vpc cidr"
	formZoneNames      Form = "zone names"
	formZones          Form = "zones"
)

// forms is the table of forms, made once and never changed.
var forms = sync.OnceValue(func() map[Form]form {
	whole := func(low, high int, what string) form {
		return form{word: "number", check: func(v cty.Value) string { return checkWhole(v, low, high, what) }}
	}
	text := func(check func(string) string) form {
		return form{word: "string", check: func(v cty.Value) string { return check(v.AsString()) }}
	}
	texts := func(check func(string) string) form {
		return form{word: "list(string)", check: func(v cty.Value) string { return checkEach(v, check) }}
	}
	return map[Form]form{
		formAbsPath:        text(checkAbsPath),
		formAmount:         {word: "number or percentage", result: cty.String, normalise: toText, check: func(v cty.Value) string { _, p := parseAmount(v.AsString()); return p }},
		formBytes:          {word: "number or string", result: cty.String, normalise: toText, check: func(v cty.Value) string { _, p := parseBytes(v.AsString()); return p }},
		formCIDR:           text(func(s string) string { _, p := parseCIDR(s); return p }),
		formCIDRs:          texts(func(s string) string { _, p := parseCIDR(s); return p }),
		formCluster:        {word: "cluster", result: cty.String, normalise: toClusterAddress},
		formContainerImage: text(checkContainerImage),
		formCount:          whole(0, 100000, "a count"),
		formCPU:            {word: "number or string", result: cty.String, normalise: toText, check: func(v cty.Value) string { _, p := parseCPU(v.AsString()); return p }},
		formDisk:           whole(8, 65536, "the size of a disk in GiB"),
		formDuration:       text(func(s string) string { _, p := parseDuration(s); return p }),
		formEnv:            {word: "map(string)", check: func(v cty.Value) string { return checkKeys(v, checkEnvName) }},
		formImage:          {word: "string", normalise: toImage},
		formInstanceTypes:  {word: "string or list(string)", result: listOfStrings, normalise: toTextList, check: checkInstanceTypes},
		formLabels:         {word: "map(string)", check: func(v cty.Value) string { return checkEntries(v, checkLabelKey, checkLabelValue) }},
		formMTU:            whole(576, 9001, "the size of a packet in bytes"),
		formName:           text(checkName),
		formNodePort:       whole(30000, 32767, "a port on the nodes"),
		formObject:         {word: "object", result: cty.DynamicPseudoType, normalise: toManifestObject},
		formPeers:          texts(checkPeer),
		formPercentage:     whole(1, 100, "a percentage"),
		formPoolSize:       whole(0, maxPoolSize, "the size of a node pool"),
		formPort:           whole(1, 65535, "a port"),
		formPortRef:        {word: "number or string", result: cty.String, normalise: toText, check: func(v cty.Value) string { return checkPortRef(v.AsString()) }},
		formPorts:          {word: "list(number or string)", result: listOfStrings, normalise: toPorts},
		formQuorum:         {word: "number", check: checkQuorum},
		formRegion:         text(checkRegion),
		formReplicas:       whole(0, 1000000, "a number of replicas"),
		formSchedule:       text(checkSchedule),
		formTags:           {word: "map(string)", check: func(v cty.Value) string { return checkEntries(v, checkTagKey, checkTagValue) }},
		formUser:           text(checkUser),
		formUserData:       text(checkUserData),
		formVersion:        text(checkVersion),
		formVPC:            text(checkVPC),
		formZoneNames:      texts(checkZoneName),
		formZones:          {word: "number or list(string)", result: cty.DynamicPseudoType, normalise: toZones},
	}
})

// maxPoolSize is beyond what one VPC can address.
const maxPoolSize = 100_000

// normalise converts a value to the argument's type and form. What is wrong
// comes back as a sentence; the value is then a null or unknown of the type.
func (a *Attribute) normalise(v cty.Value) (cty.Value, string) {
	want := a.valueType()
	if !v.IsKnown() {
		return cty.UnknownVal(want).WithMarks(v.Marks()), ""
	}
	if v.IsNull() {
		return cty.NullVal(want), ""
	}
	f := forms()[a.Form]
	if f.normalise != nil {
		out, problem := f.normalise(v)
		if problem != "" {
			return cty.UnknownVal(want), problem
		}
		v = out
	} else {
		out, err := convert.Convert(v, a.Type)
		if err != nil {
			return cty.UnknownVal(want), conversionProblem(a.typeWord(), v, err)
		}
		v = out
	}
	if len(a.Values) > 0 {
		if plain, _ := v.Unmark(); plain.IsKnown() && !plain.IsNull() && !slices.Contains(a.Values, plain.AsString()) {
			given := plain.AsString()
			return cty.UnknownVal(want), fmt.Sprintf("%q is none of %s.%s", given, quotedList(a.Values), didYouMeanSentence(given, slices.Values(a.Values)))
		}
	}
	if f.check != nil {
		if plain, _ := v.Unmark(); plain.IsKnown() && !plain.IsNull() {
			if problem := f.check(plain); problem != "" {
				return cty.UnknownVal(want), problem
			}
		}
	}
	return v, ""
}

// typeWord is how people call the type of the argument.
func (a *Attribute) typeWord() string {
	if f := forms()[a.Form]; f.word != "" {
		return f.word
	}
	return typeWord(a.Type)
}

func typeWord(t cty.Type) string {
	switch {
	case t == cty.DynamicPseudoType:
		return "any"
	case t == cty.String, t == cty.Number, t == cty.Bool:
		return t.FriendlyName()
	case t.IsListType():
		return "list(" + typeWord(t.ElementType()) + ")"
	case t.IsSetType():
		return "set(" + typeWord(t.ElementType()) + ")"
	case t.IsMapType():
		return "map(" + typeWord(t.ElementType()) + ")"
	}
	return t.FriendlyName()
}

// conversionProblem says what was wanted and what was given, without the value.
func conversionProblem(want string, v cty.Value, err error) string {
	return fmt.Sprintf("The value must be of type %s, and this is %s: %s.", want, withArticle(v.Type().FriendlyName()), err)
}

func withArticle(s string) string {
	if s != "" && strings.ContainsRune("aeiou", rune(s[0])) {
		return "an " + s
	}
	return "a " + s
}

func quotedList(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(quoted, ", ")
}
