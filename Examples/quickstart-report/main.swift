// Measures the network that the quickstart trained, and writes a page about it.

import DINO
import Foundation
import Tensors
import ViT

do {
    guard CommandLine.arguments.count == 2 else {
        FileHandle.standardError.write(Data("usage: quickstart-report FOLDER\n".utf8))
        exit(64)
    }
    try Report(folder: CommandLine.arguments[1]).write()
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(1)
}
