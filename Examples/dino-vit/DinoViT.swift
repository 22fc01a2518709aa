import ArgumentParser
import Foundation

/// The program. Exit status: 0; 1 with one line `error: …` on standard error where a file, the
/// weights or a picture is at fault; 64 for a wrong call.
@main
struct DinoViT: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dino-vit",
        abstract: "Features of a self-supervised vision transformer, put to work on photos.",
        discussion: """
            Photos are PNG and JPEG files, or folders of them. Weights are an official DINO .pth \
            file, a training checkpoint, or a safetensors file with the names of DINO, timm or \
            Hugging Face.
            """,
        subcommands: [
            Extract.self, SaliencyCommand.self, AttentionCommand.self, Match.self, Inspect.self,
            Segment.self, Parts.self, PCACommand.self, VideoCommand.self, Train.self, Evaluate.self,
            Synthesize.self, WeightsCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
            // A full disk behind standard output shows only here.
            guard fflush(nil) == 0 else {
                throw Failure(
                    "standard output cannot be written: \(String(cString: strerror(errno)))")
            }
        } catch {
            // The argument parser's errors have their own: 0 for help, 64 for a wrong call.
            guard exitCode(for: error) == .failure else { exit(withError: error) }
            complain(error)
            exit(withError: ExitCode.failure)
        }
    }

    /// Writes one line, whatever a file's name or content brought into the sentence.
    private static func complain(_ error: any Error) {
        let sentence = "\(error)".unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control ? "?" : String(scalar)
        }
        FileHandle.standardError.write(Data("error: \(sentence.joined())\n".utf8))
    }
}

/// Why the program cannot go on, in one sentence.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String) {
        description = sentence
    }
}
