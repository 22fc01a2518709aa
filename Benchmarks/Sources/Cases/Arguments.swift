import Foundation
import Tensors

/// The arguments of the process without `--instruction-set NAME`, which every program of this package
/// takes and which is applied here. Ends the process if the processor lacks that instruction set.
public func remainingArguments() -> [String] {
    var arguments = CommandLine.arguments
    while let index = arguments.firstIndex(of: "--instruction-set") {
        let name = index + 1 < arguments.count ? arguments[index + 1] : ""
        guard let set = InstructionSet(rawValue: name), InstructionSet.supported.contains(set)
        else {
            let sentence =
                "error: --instruction-set \(name): this processor supports"
                + " \(InstructionSet.supportedNames)\n"
            FileHandle.standardError.write(Data(sentence.utf8))
            exit(64)
        }
        InstructionSet.use(set)
        arguments.removeSubrange(index...index + 1)
    }
    return arguments
}
