// Writes what the quickstart works on: two views of a made-up scene, and the weights of an
// untrained vision transformer.

import Foundation
import Images
import Tensors
import ViT

guard CommandLine.arguments.count == 2 else {
    FileHandle.standardError.write(Data("usage: quickstart-scene FOLDER\n".utf8))
    exit(64)
}
let folder = CommandLine.arguments[1]

do {
    try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    var generator = Xoshiro256(seed: 7)
    let scene = Scene(shapes: 9, using: &generator)
    try View(x: 2.0 / 3, y: 0.5)
        .picture(of: scene, width: 640, height: 480).writePNG(to: folder + "/first.png")
    try View(x: 0.72, y: 0.47, angle: 0.15, zoom: 1.12, brightness: 0.92)
        .picture(of: scene, width: 640, height: 480).writePNG(to: folder + "/second.png")
    try VisionTransformer.Weights(untrained: .tiny(patchSize: 8), using: &generator)
        .write(to: folder + "/untrained.safetensors")
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(1)
}
