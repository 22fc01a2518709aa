import ArgumentParser
import DINO
import Foundation
import Platform
import Tensors
import ViT

/// The program. Exit status: 0; 1 with one line `error: …` on standard error for faulty files, weights or
/// pictures; 64 for wrong arguments.
@main
struct DinoViT: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dino-vit",
        abstract: "Train self-supervised vision transformers and apply them to photos.",
        discussion: """
            Photos are PNG and JPEG files, or folders of them. Weights are an official DINO .pth \
            file, a training checkpoint, or a safetensors file with the names of DINO, timm or \
            Hugging Face.
            """,
        version: "0.1.0",
        subcommands: [
            Extract.self, SaliencyCommand.self, AttentionCommand.self, Match.self, Inspect.self,
            Segment.self, Parts.self, PCACommand.self, VideoCommand.self, Train.self, Evaluate.self,
            Synthesize.self, WeightsCommand.self,
        ])

    /// The arguments, whose bytes need not be UTF-8. An argument that begins with a dash but names an
    /// existing file (as the shell's `*` may produce) is treated as that file, not as an option.
    private static var arguments: [String] {
        (1..<Int(CommandLine.argc)).compactMap { index in
            CommandLine.unsafeArgv[index].map { text in
                let argument = String(
                    fileName: UnsafeRawBufferPointer(start: text, count: strlen(text)))
                let isFile =
                    argument.utf8.first == UInt8(ascii: "-")
                    && FileSystem.kind(of: argument) == .file
                return isFile ? Path.joined(".", argument) : argument
            }
        }
    }

    static func main() {
        Terminal.prepare()
        StoragePool.whenExhausted.withLock {
            $0 = { bytes in
                Processes.abort(because: "there is no memory for \(bytes) more bytes")
            }
        }
        let outcome = Result {
            let ranks = try Processes.joined()
            let several = ranks.count > 1
            // The same arguments everywhere: the first process reports what is wrong with them.
            var command = try ranks.together { try parseAsRoot(arguments) }
            if several && !(command is any RunsOnSeveralProcesses) {
                throw Failure("this command runs as one process; start it without mpirun")
            }
            try command.run()
        }
        if case .failure(let error) = outcome, Processes.end() {
            switch exitCode(for: error) {
            case .success: Terminal.say(text: fullMessage(for: error))  // Requested help.
            case .failure:
                Terminal.note("error: \(error)\(options(remedying: error))")
                exit(withError: ExitCode.failure)
            default:  // Wrong arguments.
                if Terminal.isMuted { exit(withError: exitCode(for: error)) }
                exit(withError: error)
            }
        } else if case .failure(let error) = outcome {
            // The others are still running: only this process knows of the failure.
            Processes.abort(because: "\(error)")
        } else if !Processes.end() {
            Processes.abort(because: "the other processes have not ended")
        }
        Terminal.finish()
    }
}

/// The options by which to follow the advice in an error of the library, in parentheses.
private func options(remedying error: any Error) -> String {
    switch error {
    case TrainingRunError.holdsRun: " (--resume, --output)"
    case TrainingRunError.noCheckpoint, TrainingRunError.otherOptions: " (--output)"
    case TensorFileError.outOfRange: " (without --half)"
    case WeightsError.heads(_, _, nil): " (--heads)"
    default: ""
    }
}

/// Why the program cannot continue, in one sentence.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ sentence: String) {
        description = sentence
    }
}
