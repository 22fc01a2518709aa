import Foundation
import Images

/// From where a scene is seen.
struct View {
    /// The place in the scene that the view's centre shows.
    var x: Double
    var y: Double
    /// How the view is turned, in radians.
    var angle = 0.0
    /// How much larger things look.
    var zoom = 1.0
    /// How much brighter they look.
    var brightness = 1.0

    /// The scene in a picture, four samples a pixel.
    func picture(of scene: Scene, width: Int, height: Int) -> Image {
        let scale = 1 / (zoom * Double(height))
        let (sine, cosine) = (sin(angle), cos(angle))
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * 3)
        for row in 0..<height {
            for column in 0..<width {
                var sum = (0.0, 0.0, 0.0)
                for sample in 0..<4 {
                    let u = Double(column) + (sample % 2 == 0 ? 0.25 : 0.75) - Double(width) / 2
                    let v = Double(row) + (sample < 2 ? 0.25 : 0.75) - Double(height) / 2
                    let colour = scene.colour(
                        x: x + (u * cosine - v * sine) * scale,
                        y: y + (u * sine + v * cosine) * scale)
                    sum = (sum.0 + colour.0, sum.1 + colour.1, sum.2 + colour.2)
                }
                for channel in [sum.0, sum.1, sum.2] {
                    pixels.append(UInt8(min(max(channel / 4 * brightness, 0), 255)))
                }
            }
        }
        return Image(width: width, height: height, pixels: pixels)
    }
}
