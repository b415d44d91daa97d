package function

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func text() []Entry {
	return []Entry{
		{"chomp", Text, "chomp(text)", "The text without line breaks at its end.", "chomp(\"hello\\n\") → \"hello\"", is(stdlib.ChompFunc)},
		{"endswith", Text, "endswith(text, suffix)", "Whether the text ends so.", "endswith(\"web.hcl\", \".hcl\") → true", is(affix(strings.HasSuffix, "suffix"))},
		{"format", Text, "format(spec, values...)", "Values put into a text, with verbs such as %s, %d, %q, %v.", "format(\"node-%03d\", 7) → \"node-007\"", is(stdlib.FormatFunc)},
		{"formatlist", Text, "formatlist(spec, values...)", "Like format, for each element of the lists among the values.", "formatlist(\"%s.local\", [\"a\", \"b\"]) → [\"a.local\", \"b.local\"]", is(stdlib.FormatListFunc)},
		{"indent", Text, "indent(spaces, text)", "The text with all lines but the first moved to the right.", "indent(2, \"a\\nb\") → \"a\\n  b\"", is(stdlib.IndentFunc)},
		{"join", Text, "join(separator, lists...)", "The elements as one text.", "join(\",\", [\"a\", \"b\"]) → \"a,b\"", is(stdlib.JoinFunc)},
		{"lower", Text, "lower(text)", "The text in small letters.", "lower(\"ABC\") → \"abc\"", is(stdlib.LowerFunc)},
		{"regex", Text, "regex(pattern, text)", "The first match: a text, or its groups as a list or by name. No match is an error.", "regex(\"[0-9]+\", \"node-12\") → \"12\"", is(stdlib.RegexFunc)},
		{"regexall", Text, "regexall(pattern, text)", "All matches, as a list.", "length(regexall(\"a\", \"banana\")) → 3", is(stdlib.RegexAllFunc)},
		{"replace", Text, "replace(text, what, by)", "The text with every occurrence replaced; /…/ is a regular expression, with $1 for its groups.", "replace(\"a.b.c\", \".\", \"-\") → \"a-b-c\"", is(replace)},
		{"split", Text, "split(separator, text)", "The parts of the text as a list.", "split(\",\", \"a,b\") → [\"a\", \"b\"]", is(stdlib.SplitFunc)},
		{"startswith", Text, "startswith(text, prefix)", "Whether the text begins so.", "startswith(\"web-1\", \"web\") → true", is(affix(strings.HasPrefix, "prefix"))},
		{"strcontains", Text, "strcontains(text, part)", "Whether the text holds the part.", "strcontains(\"worker\", \"ork\") → true", is(affix(strings.Contains, "substr"))},
		{"strrev", Text, "strrev(text)", "The text backwards.", "strrev(\"abc\") → \"cba\"", is(stdlib.ReverseFunc)},
		{"substr", Text, "substr(text, offset, length)", "A part of the text; a negative offset counts from the end, and length -1 is up to the end.", "substr(\"cluster\", 0, 3) → \"clu\"", is(stdlib.SubstrFunc)},
		{"templatestring", Text, "templatestring(template, vars)", "The template, given as a text, with the values put in.", "templatestring(local.greeting, { name = \"lab\" })", nil},
		{"title", Text, "title(text)", "The text with each word's first letter in capital.", "title(\"hello world\") → \"Hello World\"", is(stdlib.TitleFunc)},
		{"trim", Text, "trim(text, characters)", "The text without these characters at both ends.", "trim(\"?!hi!\", \"!?\") → \"hi\"", is(stdlib.TrimFunc)},
		{"trimprefix", Text, "trimprefix(text, prefix)", "The text without the prefix, if it has it.", "trimprefix(\"v1.2\", \"v\") → \"1.2\"", is(stdlib.TrimPrefixFunc)},
		{"trimspace", Text, "trimspace(text)", "The text without white space at both ends.", "trimspace(\"  hi\\n\") → \"hi\"", is(stdlib.TrimSpaceFunc)},
		{"trimsuffix", Text, "trimsuffix(text, suffix)", "The text without the suffix, if it has it.", "trimsuffix(\"a.hcl\", \".hcl\") → \"a\"", is(stdlib.TrimSuffixFunc)},
		{"upper", Text, "upper(text)", "The text in capital letters.", "upper(\"abc\") → \"ABC\"", is(stdlib.UpperFunc)},
	}
}

// affix makes a function of two texts that says yes or no.
func affix(test func(s, part string) bool, name string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: name, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(test(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// replace takes a plain text, or a regular expression between slashes.
var replace = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: "substr", Type: cty.String}, {Name: "replace", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		s, what, by := args[0].AsString(), args[1].AsString(), args[2].AsString()
		if len(what) > 1 && what[0] == '/' && what[len(what)-1] == '/' {
			re, err := regexp.Compile(what[1 : len(what)-1])
			if err != nil {
				return cty.UnknownVal(cty.String), fmt.Errorf("the pattern between the slashes is not a regular expression: %w", err)
			}
			return cty.StringVal(re.ReplaceAllString(s, by)), nil
		}
		return cty.StringVal(strings.ReplaceAll(s, what, by)), nil
	},
})
