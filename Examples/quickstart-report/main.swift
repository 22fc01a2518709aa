// Measures the network that the quickstart trained, and writes a page about it.

import DINO
import Foundation
import Tensors
import ViT

do {
    let arguments = CommandLine.arguments.dropFirst()
    guard 1...2 ~= arguments.count else {
        FileHandle.standardError.write(Data("usage: quickstart-report FOLDER [RUN]\n".utf8))
        exit(64)
    }
    try Report(folder: arguments[1]).write(run: arguments.dropFirst().first)
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(1)
}
