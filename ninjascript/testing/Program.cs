// The test programs, one verb each. All of them run on Linux under Mono; none of them is for a trading PC.

using System;

namespace Tapewire.Testing
{
    public static class Program
    {
        public static int Main(string[] arguments)
        {
            switch (arguments.Length == 0 ? "" : arguments[0])
            {
                case "golden":
                    CodecLines.Golden(Console.In, Console.Out);
                    return 0;
                case "fuzz":
                    CodecLines.Fuzz(Console.In, Console.Out);
                    return 0;
            }
            Console.Error.WriteLine("verbs: golden, fuzz");
            return 64;
        }
    }
}
