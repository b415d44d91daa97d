package function

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func templateParams(first string) []function.Parameter {
	return []function.Parameter{{Name: first, Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}}
}

func templateFile(e Env, functions map[string]function.Function) function.Function {
	return templateFunction("path", e, functions, func(path string) ([]byte, string, error) {
		data, err := e.read(path)
		if err == nil {
			_, err = asText(data)
		}
		return data, path, err
	})
}

func templateString(e Env, functions map[string]function.Function) function.Function {
	return templateFunction("template", e, functions, func(s string) ([]byte, string, error) {
		return []byte(s), "<template>", nil
	})
}

// templateFunction renders a template that source finds. As a template may
// consist of one expression only, its result may be of any type.
func templateFunction(param string, e Env, functions map[string]function.Function, source func(string) ([]byte, string, error)) function.Function {
	render := func(args []cty.Value) (cty.Value, error) {
		src, name, err := source(args[0].AsString())
		if err != nil {
			return cty.DynamicVal, function.NewArgError(0, err)
		}
		return renderTemplate(src, name, args[1], e, functions)
	}
	return function.New(&function.Spec{
		Params: templateParams(param),
		Type: func(args []cty.Value) (cty.Type, error) {
			if !args[0].IsKnown() || !args[1].IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			v, err := render(args)
			return v.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return render(args) },
	})
}

func renderTemplate(src []byte, name string, vars cty.Value, e Env, functions map[string]function.Function) (cty.Value, error) {
	if t := vars.Type(); !t.IsObjectType() && !t.IsMapType() {
		return cty.DynamicVal, function.NewArgErrorf(1, "an object or a map with the template's variables is needed")
	}
	if e.CheckTemplate != nil {
		if err := e.CheckTemplate(src); err != nil {
			return cty.DynamicVal, function.NewArgError(0, err)
		}
	}
	expr, diags := hclsyntax.ParseTemplate(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.DynamicVal, function.NewArgError(0, diags)
	}
	ctx := &hcl.EvalContext{Variables: vars.AsValueMap(), Functions: functions}
	for k := range ctx.Variables {
		if !hclsyntax.ValidIdentifier(k) {
			return cty.DynamicVal, function.NewArgErrorf(1, "%q cannot be the name of a variable: letters, digits and underscores, with a letter first", k)
		}
	}
	for _, t := range expr.Variables() {
		if _, ok := ctx.Variables[t.RootName()]; !ok {
			return cty.DynamicVal, function.NewArgError(1, fmt.Errorf("the template uses %q at %s, which is not among the variables given to it", t.RootName(), t[0].SourceRange()))
		}
	}
	v, diags := expr.Value(ctx)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	return v, nil
}
