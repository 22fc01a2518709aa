import Foundation
import Testing

@Suite struct WeightsCommandTests {
    let folder = TemporaryFolder()

    /// Counted by hand from the architecture in `make_fixtures.py`.
    @Test func info() throws {
        let outcome = try Program.run(
            ["weights", "info", Fixtures.weights, "--heads", "6"])
        #expect(outcome.status == 0 && outcome.errors == "")
        let facts = Dictionary(
            uniqueKeysWithValues: outcome.output.split(separator: "\n").map { line in
                let parts = line.split(separator: ":", maxSplits: 1)
                return (String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces))
            })
        #expect(facts["patch size"] == "8")
        #expect(facts["width"] == "96")
        #expect(facts["hidden width"] == "192")
        #expect(facts["depth"] == "2")
        #expect(facts["heads"] == "6")
        #expect(facts["parameters"] == "171,936")
        #expect(facts["position grid"]?.hasPrefix("6x6") == true)
        #expect(facts["format"]?.contains("zip") == true)
        #expect(facts["elements"] == "float16")
        #expect(facts["left over"] == "nothing")
    }

    /// The fixture's parameters are halves, so that rounding to halves changes nothing. The
    /// converted file knows its heads.
    @Test(arguments: [[], ["--half"]])
    func convertedWeightsGiveTheSame(_ options: [String]) throws {
        let converted = folder["converted.safetensors"]
        let conversion = try Program.run(
            ["weights", "convert", Fixtures.weights, converted, "--heads", "6"] + options)
        #expect(conversion.status == 0)
        for (weights, output) in [(Fixtures.weights, "a"), (converted, "b")] {
            let heads = output == "a" ? ["--heads", "6"] : []
            let outcome = try Program.run(
                [
                    "attention", Fixtures.first, "--weights", weights, "--load-size", "48",
                    "--output", folder[output],
                ] + heads)
            #expect(outcome.status == 0)
        }
        #expect(try folder.data("a/first.attention.npy") == folder.data("b/first.attention.npy"))
        let bytes = try folder.data("converted.safetensors").count
        let parameters = 171_936 * (options.isEmpty ? 4 : 2)
        #expect(parameters..<parameters + 8192 ~= bytes)
    }
}
