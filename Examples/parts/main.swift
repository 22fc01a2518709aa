import Descriptors
import Images
import ViT

// Divides the objects that photos have in common into parts, which correspond between photos.
//
//     swift run -c release parts PHOTOS [WEIGHTS]
//
// Writes parts-1.png, each part in its colour, for the first photo of the folder PHOTOS, and so on.

let arguments = CommandLine.arguments
precondition(2...3 ~= arguments.count, "arguments: a folder of photos, optionally a weight file")
let folder = try PictureFolder(arguments[1])
let photos = try folder.files.indices.map { try Image(contentsOf: folder.path(of: $0)) }
let network = try arguments.count < 3 ? .bundled() : VisionTransformer(contentsOf: arguments[2])
let options = PartCoSegmentation.Options()
let features = try photos.map {
    try options.foreground.taps.features(of: $0, using: network)
}
let found = PartCoSegmentation(fitting: features, options: options)
let palette = LabelMap.palette(parts: found.parts.shape[0])
for (index, photo) in photos.enumerated() {
    try found.labels(of: features[index])
        .drawn(over: photo, palette: palette, strength: 0.55)
        .writePNG(to: "parts-\(index + 1).png")
}
print("\(found.parts.shape[0]) parts")
