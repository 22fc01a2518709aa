import Descriptors
import Images
import ViT

// Finds the objects that photos have in common.
//
//     swift run -c release cosegmentation WEIGHTS PHOTO…
//
// Writes cosegmentation-1.png, the object on a pale photo, for the first photo, and so on.

let arguments = CommandLine.arguments
precondition(arguments.count > 2, "arguments: weights, photos")
let photos = try arguments[2...].map { try Image(contentsOf: $0) }
let network = try VisionTransformer(contentsOf: arguments[1])
var options = CoSegmentation.Options()
options.taps.layer = network.configuration.depth - 1
let features = try photos.map { try options.taps.features(of: $0, using: network) }
let found = CoSegmentation(fitting: features, options: options)
for (index, photo) in photos.enumerated() {
    try found.mask(of: features[index])
        .drawn(over: photo, palette: [.black, .white], strength: 0)
        .writePNG(to: "cosegmentation-\(index + 1).png")
}
print("\(found.isSalient.count { $0 }) of \(found.isSalient.count) clusters are foreground")
