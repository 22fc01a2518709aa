import Descriptors
import Images
import ViT

// Finds the objects that photos have in common.
//
//     swift run -c release cosegmentation PHOTOS [WEIGHTS]
//
// Writes cosegmentation-1.png, the object over the paled photo, for the first photo of the folder PHOTOS, and
// so on.

let arguments = CommandLine.arguments
precondition(2...3 ~= arguments.count, "arguments: a folder of photos, optionally a weight file")
let folder = try PictureFolder(arguments[1])
let photos = try folder.files.indices.map { try Image(contentsOf: folder.path(of: $0)) }
let network = try arguments.count < 3 ? .bundled() : VisionTransformer(contentsOf: arguments[2])
let options = CoSegmentation.Options()
let features = try photos.map { try options.taps.features(of: $0, using: network) }
let found = CoSegmentation(fitting: features, options: options)
for (index, photo) in photos.enumerated() {
    try found.mask(of: features[index])
        .drawn(over: photo, palette: [.black, .white], strength: 0)
        .writePNG(to: "cosegmentation-\(index + 1).png")
}
print("\(found.isSalient.count { $0 }) of \(found.isSalient.count) clusters are foreground")
