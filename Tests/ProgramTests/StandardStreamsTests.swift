import Foundation
import Testing

/// Standard streams that are full, closed or without a reader: an error with status 1 if the stream is for results, and no
/// effect on training if it is for notices.
@Suite struct StandardStreamsTests {
    let folder = TemporaryFolder()

    /// Runs a shell script in which `"$@"` is the program with its arguments.
    private func run(_ script: String, _ arguments: [String]) throws -> Program.Outcome {
        let program = Program.products.appendingPathComponent("dino-vit").path
        return try Program.run(
            ["-c", script, "sh", program] + arguments, name: "/bin/sh", in: folder)
    }

    private static let info = ["weights", "info", Fixtures.weights, "--heads", "6"]
    private static let pictures =
        ["extract", Fixtures.first, Fixtures.second, "--output", "results"] + Fixtures.network

    @Test(arguments: [info, pictures, ["--help"], ["train", "--help"]])
    func reportsUnwritableOutput(_ arguments: [String]) throws {
        var scripts = [
            // A reader that has exited.
            #"{ sleep 0.3; "$@"; echo $? > status; } | true; exit $(cat status)"#,
            #"exec "$@" >&-"#,
            // A file that cannot grow, because of a size limit.
            #"head -c 1024 /dev/zero > full; ulimit -f 1; exec "$@" >> full"#,
        ]
        #if os(Linux)
            scripts.append(#"exec "$@" > /dev/full"#)
        #endif
        for script in scripts where arguments != Self.pictures || !script.contains("ulimit") {
            let outcome = try run(script, arguments)
            #expect(outcome.status == 1, "\(script): \(outcome.errors)")
            let reason = "error: standard output cannot be written: "
            #expect(outcome.message?.hasPrefix(reason) == true, "\(script): \(outcome.errors)")
        }
    }

    /// A reader of only the first line receives it, and all results are written.
    @Test func readerMayStopAfterFirstLine() throws {
        let outcome = try run(
            #""$@" | { read line; echo "$line"; exec <&-; sleep 1; }"#, Self.pictures)
        #expect(outcome.output.split(separator: "\n").count == 1)
        #expect(folder.names(in: "results") == ["first.npy", "second.npy"])
        for name in folder.names(in: "results") { _ = try Array32(folder["results/\(name)"]) }
    }

    /// Warnings, notices, progress and the message of an interruption.
    @Test(arguments: ["2>&-", "2>/dev/full", "2>&- <&- >/dev/null"])
    func unwritableErrorsDoNotStopTraining(_ streams: String) throws {
        #if !os(Linux)
            if streams.contains("/dev/full") { return }
        #endif
        let training = try Training()
        // This run reports that it starts anew.
        let outcome = try run(
            "exec \"$@\" \(streams)", training.arguments("run", epochs: 1, ["--resume"]))
        #expect(outcome.status == 0)
        #expect(try training.log("run").count == 3)
        let wrong = try run("exec \"$@\" \(streams)", ["saliency", "missing.png"])
        #expect(wrong.status == 1)
        // A signal, whose message cannot be written either.
        let signalled = try run(
            #""$@" \#(streams) & until [ -s "$0" ]; do sleep 0.05; done; kill -TERM $!; wait $!"#
                .replacingOccurrences(of: "$0", with: training.folder["other/log.jsonl"]),
            training.arguments("other", epochs: 2000))
        #expect(signalled.status == 1)
        #expect(training.folder.names(in: "other").contains("checkpoint.safetensors"))
    }
}
