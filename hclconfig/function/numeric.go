package function

import "github.com/zclconf/go-cty/cty/function/stdlib"

func numeric() []Entry {
	return []Entry{
		{"abs", Numeric, "abs(number)", "The number without its sign.", "abs(-3) → 3", is(stdlib.AbsoluteFunc)},
		{"ceil", Numeric, "ceil(number)", "The next whole number at or above.", "ceil(5.1) → 6", is(stdlib.CeilFunc)},
		{"floor", Numeric, "floor(number)", "The next whole number at or below.", "floor(5.9) → 5", is(stdlib.FloorFunc)},
		{"log", Numeric, "log(number, base)", "The logarithm to a base.", "log(16, 2) → 4", is(stdlib.LogFunc)},
		{"max", Numeric, "max(numbers...)", "The greatest of the numbers.", "max(3, 9, 5) → 9", is(stdlib.MaxFunc)},
		{"min", Numeric, "min(numbers...)", "The least of the numbers.", "min(3, 9, 5) → 3", is(stdlib.MinFunc)},
		{"parseint", Numeric, "parseint(text, base)", "The whole number that a text writes in a base from 2 to 62.", "parseint(\"ff\", 16) → 255", is(stdlib.ParseIntFunc)},
		{"pow", Numeric, "pow(number, power)", "The number raised to a power.", "pow(2, 10) → 1024", is(stdlib.PowFunc)},
		{"signum", Numeric, "signum(number)", "-1, 0 or 1: the sign of the number.", "signum(-13) → -1", is(stdlib.SignumFunc)},
	}
}
