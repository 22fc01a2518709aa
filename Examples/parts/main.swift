import Descriptors
import Images
import ViT

// Divides the objects that photos have in common into parts, which are the same in each photo.
//
//     swift run -c release parts WEIGHTS PHOTO…
//
// Writes parts-1.png, each part in its colour, for the first photo, and so on.

let arguments = CommandLine.arguments
precondition(arguments.count > 2, "arguments: weights, photos")
let photos = try arguments[2...].map { try Image(contentsOf: $0) }
let network = try VisionTransformer(contentsOf: arguments[1])
var options = PartCoSegmentation.Options()
options.foreground.taps.layer = network.configuration.depth - 1
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
